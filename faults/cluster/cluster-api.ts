/** Calls of the cluster's API with JSON, as curl makes them. */

export interface ReplicaView {
  readonly node: number;
  /** In the topology what it is meant to be, in the status what its leader takes it for. */
  readonly role: string;
  /** The last entry that the shard's leader knows to be there; only in the status, absent when that is not known. */
  readonly matchIndex?: string;
}

export interface TopologyView {
  readonly nodes: readonly { readonly id: number; readonly state: string }[];
  readonly shards: readonly {
    /** Absent for the meta group, which is 0. */
    readonly id?: number;
    readonly leader?: number;
    readonly replicas: readonly ReplicaView[];
    /** Ranges; a bound that is 0 is absent. The meta group has none. */
    readonly slots?: readonly { readonly first?: number; readonly last?: number }[];
  }[];
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** How long a call may take, in milliseconds. */
const callTimeoutMs = 15_000;
const clusterService = "titan.cluster.v1.ClusterService";

/** Calls a method of a node. Rejects when no answer arrives. */
export async function callNode(
  address: string,
  method: string,
  body: unknown,
  timeoutMs: number = callTimeoutMs,
): Promise<JsonAnswer> {
  const response = await fetch(`http://${address}/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Whether an answer shows a cluster. That of a node which has just joined shows none before it has the map. */
function showsCluster({ topology }: Record<string, unknown>): boolean {
  const { nodes, shards } = (topology ?? {}) as Partial<TopologyView>;
  return nodes !== undefined && shards !== undefined;
}

/** Replicas of which the shard's leader said something. */
function reported({ replicas }: TopologyView["shards"][number]): number {
  return replicas.filter(({ matchIndex }) => matchIndex !== undefined).length;
}

export class ClusterApi {
  readonly #addresses: readonly string[];

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  /** Asks one node after the other until one does it, with an answer that is of use. @throws with the last refusal. */
  async call(
    method: string,
    body: unknown,
    isOfUse: (answer: Record<string, unknown>) => boolean = () => true,
  ): Promise<Record<string, unknown>> {
    let refusal = "no node runs";
    for (const address of this.#addresses) {
      try {
        const answer = await callNode(address, `${clusterService}/${method}`, body);
        if (answer.status === 200 && isOfUse(answer.body)) return answer.body;
        refusal = JSON.stringify(answer.body).slice(0, 300);
      } catch (error) {
        refusal = String(error);
      }
    }
    throw new Error(`${method} was not done: ${refusal}`);
  }

  /** The cluster as it is meant to be. */
  async topology(): Promise<TopologyView> {
    return (await this.call("GetTopology", {}, showsCluster))["topology"] as TopologyView;
  }

  /**
   * The cluster with what the leaders of its shards know of their replicas. Every node is asked, because one that cannot
   * reach a leader yet does not know it.
   */
  async status(): Promise<TopologyView> {
    const answers = await Promise.allSettled(
      this.#addresses.map((address) => new ClusterApi([address]).call("GetStatus", {}, showsCluster)),
    );
    const views = answers.flatMap((answer) =>
      answer.status === "fulfilled" ? [answer.value["topology"] as TopologyView] : [],
    );
    const [first] = views;
    if (first === undefined) throw new Error("no node shows the cluster");
    const shards = first.shards.map((shard) => {
      const seen = views.flatMap((view) => view.shards.filter(({ id }) => id === shard.id));
      return seen.toSorted((left, right) => reported(right) - reported(left))[0] ?? shard;
    });
    return { nodes: first.nodes, shards };
  }

  /** What the nodes complain about. */
  async alarms(): Promise<readonly { readonly kind: string; readonly message: string }[]> {
    const { alarms } = await this.call("GetStatus", {});
    return (alarms ?? []) as { kind: string; message: string }[];
  }
}
