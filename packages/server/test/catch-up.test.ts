/** How a node that was away gets what it missed: from the log, from a snapshot when the log has been shortened, or from nothing. */
import { rm } from "node:fs/promises";
import { expect, test } from "vitest";
import { ClusterProcesses } from "./support/cluster-processes.ts";

const kv = "titan.kv.v1.KvService";
const maintenance = "titan.maintenance.v1.MaintenanceService";
const away = 3;
/** More entries than a group keeps behind its snapshot. All keys belong to one shard. */
const manyEntries = 1100;

// What a replica did to catch up is told at this level.
process.env["TITAN_LOG_LEVEL"] = "info";

async function put(cluster: ClusterProcesses, key: string, text: string): Promise<void> {
  await expect
    .poll(async () => (await cluster.call(1, `${kv}/Put`, { key, text })).status, { timeout: 20_000 })
    .toBe(200);
}

/** Waits until the node itself, asked for what it has, answers with these values. */
async function expectLocal(
  cluster: ClusterProcesses,
  node: number,
  expected: Map<string, string>,
): Promise<void> {
  for (const [key, text] of expected) {
    const local = async (): Promise<unknown> => {
      const { body } = await cluster.call(node, `${kv}/Get`, { key, read: { level: "READ_LEVEL_LOCAL" } });
      return (body["origin"] as { node?: number } | undefined)?.node === node ? body["text"] : undefined;
    };
    await expect.poll(local, { timeout: 30_000 }).toBe(text);
  }
}

test("a node that was away catches up by the log, and by snapshots when the log was shortened meanwhile", async () => {
  await using cluster = await ClusterProcesses.start(3, {
    verifyIntervalMs: 60_000,
    digestIntervalMs: 60_000,
  });
  const expected = new Map<string, string>();
  const write = async (round: string, entries: number): Promise<void> => {
    for (let count = 0; count < entries; count += 1) {
      const key = `{one shard}${count % 20}`;
      expected.set(key, `${round} ${count}`);
      await put(cluster, key, `${round} ${count}`);
    }
  };
  await write("first", 30);
  await cluster.kill(away);
  await write("by the log", 30);
  await cluster.startNode(away);
  await expectLocal(cluster, away, expected);
  expect(cluster.handle(away).log).not.toContain("taken over from its leader");

  await cluster.kill(away);
  await write("by a snapshot", manyEntries);
  for (const node of [1, 2]) {
    const compacted = await cluster.call(node, `${maintenance}/Compact`, { node });
    expect(compacted).toMatchObject({ status: 200 });
  }
  await write("behind the snapshot", 30);
  cluster.handle(away).log = "";
  await cluster.startNode(away);
  await expectLocal(cluster, away, expected);
  expect(cluster.handle(away).log).toContain("taken over from its leader");
});

test("a node whose files are gone is rebuilt under a new number while the others serve", async () => {
  await using cluster = await ClusterProcesses.start(3);
  const expected = new Map<string, string>();
  for (let count = 0; count < 30; count += 1) {
    expected.set(`k${count}`, `value ${count}`);
    await put(cluster, `k${count}`, `value ${count}`);
  }
  await cluster.kill(away);
  await rm(cluster.handle(away).settings.directory, { recursive: true });
  const joined = await cluster.join(4);
  const replaced = await cluster.call(1, "titan.cluster.v1.ClusterService/Replace", {
    node: away,
    replacement: 4,
  });
  expect(replaced).toMatchObject({ status: 200 });
  await expectLocal(cluster, joined.node, expected);
});
