/** One of three nodes is killed under load: nothing that was acknowledged is lost, and the others go on. */
import { expect, test } from "vitest";
import { ClusterProcesses } from "./support/cluster-processes.ts";

const kv = "titan.kv.v1.KvService";

/** Writes counters under ever new keys until told to stop; remembers what was acknowledged. */
function startWriter(
  cluster: ClusterProcesses,
  name: string,
  nodes: readonly number[],
): { readonly acknowledged: ReadonlyMap<string, string>; stop(): Promise<Map<string, string>> } {
  const acknowledged = new Map<string, string>();
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    for (let count = 0; !stop.signal.aborted; count += 1) {
      const key = `${name}-${count % 1000}`;
      const text = `${name}:${count}`;
      const node = nodes[count % nodes.length]!;
      const answer = await cluster.call(node, `${kv}/Put`, { key, text }).catch(() => undefined);
      if (answer?.status === 200) acknowledged.set(key, text);
      // An unknown outcome may still become true: the key is left alone from here on.
      else if (answer === undefined || isUnknown(answer.body)) acknowledged.delete(key);
    }
  };
  const running = run();
  return {
    acknowledged,
    async stop() {
      stop.abort();
      await running;
      return acknowledged;
    },
  };
}

function isUnknown(body: Record<string, unknown>): boolean {
  return JSON.stringify(body).includes("OUTCOME_UNKNOWN");
}

test("killing any one node under load loses no acknowledged write, and the killed node catches up", async () => {
  await using cluster = await ClusterProcesses.start(3);
  for (const victim of [1, 2, 3]) {
    const survivors = [1, 2, 3].filter((node) => node !== victim);
    const writers = [0, 1, 2, 3].map((id) => startWriter(cluster, `w${victim}-${id}`, survivors));
    const count = (): number => writers.reduce((sum, writer) => sum + writer.acknowledged.size, 0);
    await expect.poll(count, { timeout: 60_000 }).toBeGreaterThan(50);
    await cluster.kill(victim);
    await cluster.ready(survivors);
    const before = count();
    await expect.poll(count, { timeout: 60_000 }).toBeGreaterThan(before + 20);
    const acknowledged = await Promise.all(writers.map((writer) => writer.stop()));
    await cluster.startNode(victim);
    await cluster.ready();
    const expected = acknowledged.flatMap((writes) => [...writes]);
    expect(expected.length).toBeGreaterThan(50);
    for (const [key, text] of expected) {
      // Linearizable, and from the node that was away.
      expect((await cluster.call(victim, `${kv}/Get`, { key })).body["text"]).toBe(text);
    }
  }
});

test("after all nodes are killed at once everything acknowledged is still there", async () => {
  await using cluster = await ClusterProcesses.start(3);
  const writers = [0, 1, 2, 3].map((id) => startWriter(cluster, `all-${id}`, [1, 2, 3]));
  const count = (): number => writers.reduce((sum, writer) => sum + writer.acknowledged.size, 0);
  await expect.poll(count, { timeout: 60_000 }).toBeGreaterThan(100);
  await Promise.all([1, 2, 3].map((node) => cluster.kill(node)));
  const acknowledged = await Promise.all(writers.map((writer) => writer.stop()));
  await Promise.all([1, 2, 3].map((node) => cluster.startNode(node)));
  await cluster.ready();
  const expected = acknowledged.flatMap((writes) => [...writes]);
  expect(expected.length).toBeGreaterThan(20);
  for (const [key, text] of expected) {
    expect((await cluster.call(1, `${kv}/Get`, { key })).body["text"]).toBe(text);
  }
});
