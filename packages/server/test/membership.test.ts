/** Nodes come and go while clients write: what was acknowledged stays, and the cluster comes to where it should be. */
import { expect, test } from "vitest";
import { ClusterProcesses } from "./support/cluster-processes.ts";

const kv = "titan.kv.v1.KvService";
const clusterService = "titan.cluster.v1.ClusterService";

interface ReplicaView {
  readonly node: number;
  readonly role: string;
}

interface ShardView {
  readonly id?: number;
  readonly leader?: number;
  readonly replicas: readonly ReplicaView[];
}

interface TopologyView {
  readonly nodes: readonly { readonly id: number; readonly state: string }[];
  readonly shards: readonly ShardView[];
}

async function topology(cluster: ClusterProcesses, node: number): Promise<TopologyView> {
  const { body } = await cluster.call(node, `${clusterService}/GetTopology`, {});
  return body["topology"] as unknown as TopologyView;
}

/** The nodes that hold data shards, by what the map wants. */
function holders(view: TopologyView): Set<number> {
  return new Set(view.shards.slice(1).flatMap(({ replicas }) => replicas.map(({ node }) => node)));
}

/** Writes steadily through the given nodes; checks at the end that every acknowledged write is there. */
class Writer {
  readonly #acknowledged = new Map<string, string>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  nodes: readonly number[];

  constructor(cluster: ClusterProcesses, nodes: readonly number[]) {
    this.nodes = nodes;
    this.#running = this.#run(cluster);
  }

  get writes(): number {
    return this.#acknowledged.size;
  }

  async finish(): Promise<ReadonlyMap<string, string>> {
    this.#stop.abort();
    await this.#running;
    return this.#acknowledged;
  }

  async #run(cluster: ClusterProcesses): Promise<void> {
    for (let count = 0; !this.#stop.signal.aborted; count += 1) {
      const key = `key-${count}`;
      const node = this.nodes[count % this.nodes.length]!;
      const answer = await cluster
        .call(node, `${kv}/Put`, { key, text: `value ${count}` })
        .catch(() => undefined);
      if (answer?.status === 200) this.#acknowledged.set(key, `value ${count}`);
    }
  }
}

async function expectAll(
  cluster: ClusterProcesses,
  node: number,
  written: ReadonlyMap<string, string>,
): Promise<void> {
  for (const [key, text] of written) {
    expect((await cluster.call(node, `${kv}/Get`, { key })).body["text"]).toBe(text);
  }
}

test("a node joins, takes over from one that leaves, and the one that left is refused", async () => {
  await using cluster = await ClusterProcesses.start(3);
  const writer = new Writer(cluster, [1, 3]);
  await cluster.join(4);
  await cluster.ready();
  await expect.poll(async () => holders(await topology(cluster, 1)).has(4), { timeout: 30_000 }).toBe(true);
  const removed = await cluster.call(1, `${clusterService}/Remove`, { node: 2 });
  expect(removed).toMatchObject({ status: 200 });
  await expect
    .poll(async () => (await topology(cluster, 1)).nodes.map(({ id }) => id), { timeout: 60_000 })
    .toEqual([1, 3, 4]);
  writer.nodes = [1, 3, 4];
  const before = writer.writes;
  await expect.poll(() => writer.writes, { timeout: 30_000 }).toBeGreaterThan(before + 20);
  const written = await writer.finish();
  await expectAll(cluster, 4, written);
  // The removed node does not come back, and says why.
  await cluster.kill(2);
  await cluster.startNode(2).catch(() => undefined);
  await expect.poll(() => cluster.handle(2).log, { timeout: 20_000 }).toContain("REMOVED");
});

test("a drained node leads nothing until it is undone", async () => {
  await using cluster = await ClusterProcesses.start(3);
  const drained = await cluster.call(1, `${clusterService}/Drain`, { node: 1 });
  expect(drained).toMatchObject({ status: 200, body: {} });
  const leaders = (await topology(cluster, 2)).shards.map(({ leader }) => leader);
  expect(leaders).not.toContain(1);
  expect((await cluster.call(1, `${kv}/Put`, { key: "a", text: "1" })).status).toBe(200);
  await cluster.call(2, `${clusterService}/Drain`, { node: 1, undo: true });
  await expect
    .poll(async () => (await topology(cluster, 2)).shards.map(({ leader }) => leader), { timeout: 20_000 })
    .toContain(1);
});

test("leadership is handed to the node that is named", async () => {
  await using cluster = await ClusterProcesses.start(3);
  const moved = await cluster.call(1, `${clusterService}/TransferLeader`, { shard: 0, toNode: 3 });
  expect(moved).toMatchObject({ status: 200, body: { leader: 3 } });
  const refused = await cluster.call(1, `${clusterService}/TransferLeader`, { shard: 0, toNode: 9 });
  expect(refused.body).toMatchObject({ code: "failed_precondition" });
});

test("a node whose directory was lost is refused, and one that joins takes its place", async () => {
  await using cluster = await ClusterProcesses.start(3);
  const writer = new Writer(cluster, [1, 2]);
  await expect.poll(() => writer.writes, { timeout: 30_000 }).toBeGreaterThan(20);
  await cluster.kill(3);
  const { rm } = await import("node:fs/promises");
  await rm(cluster.handle(3).settings.directory, { recursive: true });
  await cluster.startNode(3).catch(() => undefined);
  await expect.poll(() => cluster.handle(3).log, { timeout: 20_000 }).toContain("BAD_TOKEN");
  await cluster.kill(3);
  await cluster.join(4);
  const replaced = await cluster.call(1, `${clusterService}/Replace`, { node: 3, replacement: 4 });
  expect(replaced).toMatchObject({ status: 200, body: {} });
  await expect
    .poll(async () => (await topology(cluster, 1)).nodes.map(({ id }) => id), { timeout: 60_000 })
    .toEqual([1, 2, 4]);
  const written = await writer.finish();
  await expectAll(cluster, 4, written);
});
