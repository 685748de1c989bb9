/** A replica whose state differs from the others' is found in the background and replaced; the value survives. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Bitcask } from "@titan-kv/bitcask";
import { expect, test } from "vitest";
import { ClusterProcesses } from "./support/cluster-processes.ts";

const kv = "titan.kv.v1.KvService";
const fast = { verifyIntervalMs: 300, digestIntervalMs: 600 };

/** Changes a value in a replica's store behind its back, with checksums that are right: what no scrub can see. */
async function tamper(directory: string, key: string, value: string): Promise<number> {
  let changed = 0;
  for (const name of await readdir(directory)) {
    if (!name.startsWith("shard-")) continue;
    const current = (await readFile(join(directory, name, "CURRENT"), "utf8")).trim();
    const store = await Bitcask.open(join(directory, name, current), { clock: () => 0, ordered: true });
    const entry = store.getEntrySync(key);
    if (entry !== undefined) {
      const { version } = entry;
      store.batchSync([{ type: "put", key, value, version }], { meta: store.lastMeta()! });
      await store.flush();
      changed += 1;
    }
    await store.close();
  }
  return changed;
}

async function localText(cluster: ClusterProcesses, node: number): Promise<unknown> {
  return (await cluster.call(node, `${kv}/Get`, { key: "k", read: { level: "READ_LEVEL_LOCAL" } })).body[
    "text"
  ];
}

test("a follower that holds something else is replaced by a fresh copy", async () => {
  await using cluster = await ClusterProcesses.start(3, fast);
  const { body } = await cluster.call(1, `${kv}/Put`, { key: "k", text: "right" });
  const leader = (body["origin"] as { node: number }).node;
  const victim = [1, 2, 3].find((node) => node !== leader)!;
  // Stopped cleanly, so that its store is complete and nothing is replayed over the change.
  await cluster.stopNode(victim);
  expect(await tamper(cluster.handle(victim).settings.directory, "k", "wrong")).toBe(1);
  await cluster.startNode(victim);
  await cluster.ready();
  await expect.poll(() => localText(cluster, victim), { timeout: 60_000, interval: 200 }).toBe("right");
  const alarms = async (): Promise<string> => {
    const { body: status } = await cluster.call(leader, "titan.cluster.v1.ClusterService/GetStatus", {});
    return JSON.stringify(status["alarms"] ?? []);
  };
  await expect.poll(alarms, { timeout: 20_000 }).toContain("KIND_DIVERGED");
  expect((await cluster.call(leader, `${kv}/Get`, { key: "k" })).body["text"]).toBe("right");
  expect((await cluster.call(victim, `${kv}/Put`, { key: "k", text: "newer" })).status).toBe(200);
});

test("replicas that are the same stay as they are", async () => {
  await using cluster = await ClusterProcesses.start(3, fast);
  for (let count = 0; count < 50; count += 1) {
    await cluster.call(1 + (count % 3), `${kv}/Put`, {
      key: `k${count % 20}`,
      text: `${count}`,
      ttlMs: count % 5 === 0 ? "100" : "0",
    });
  }
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const status = await cluster.call(1, "titan.cluster.v1.ClusterService/GetStatus", {});
  expect(status.body["alarms"] ?? []).toEqual([]);
  for (const node of [1, 2, 3]) expect(cluster.handle(node).log).not.toContain("replicas differ");
});
