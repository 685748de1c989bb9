/** Calls of the cluster's API with JSON, as curl makes them. */

export interface TopologyView {
  readonly nodes: readonly { readonly id: number; readonly state: string }[];
  readonly shards: readonly {
    /** Absent for the meta group, which is 0. */
    readonly id?: number;
    readonly leader?: number;
    readonly replicas: readonly { readonly node: number; readonly role: string }[];
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

export class ClusterApi {
  readonly #addresses: readonly string[];

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  /** Asks one node after the other until one does it. @throws with the last refusal. */
  async call(method: string, body: unknown): Promise<Record<string, unknown>> {
    let refusal = "no node runs";
    for (const address of this.#addresses) {
      try {
        const answer = await callNode(address, `${clusterService}/${method}`, body);
        if (answer.status === 200) return answer.body;
        refusal = JSON.stringify(answer.body).slice(0, 300);
      } catch (error) {
        refusal = String(error);
      }
    }
    throw new Error(`${method} was not done: ${refusal}`);
  }

  async topology(): Promise<TopologyView> {
    return (await this.call("GetTopology", {}))["topology"] as TopologyView;
  }

  /** What the nodes complain about. */
  async alarms(): Promise<readonly { readonly kind: string; readonly message: string }[]> {
    const { alarms } = await this.call("GetStatus", {});
    return (alarms ?? []) as { kind: string; message: string }[];
  }
}
