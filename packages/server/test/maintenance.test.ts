/** Checks, compaction, alarms and log levels on real nodes. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { VerifyResponse } from "@titan-kv/proto";
import { expect, test } from "vitest";
import { ClusterProcesses } from "./support/cluster-processes.ts";
import { MaintenanceClient } from "./support/maintenance-client.ts";

const maintenance = "titan.maintenance.v1.MaintenanceService";

/** Flips one bit in every copy of `needle` in a node's data files; returns how many there were. */
async function damage(directory: string, needle: string): Promise<number> {
  let found = 0;
  for (const name of await readdir(directory, { recursive: true })) {
    if (!name.includes("shard-") || !name.endsWith(".data")) continue;
    const path = join(directory, name);
    const bytes = await readFile(path);
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 1)) {
      bytes[at]! ^= 0x01;
      found += 1;
    }
    await writeFile(path, bytes, { flag: "r+" });
  }
  return found;
}

async function check(client: MaintenanceClient, node = 0): Promise<VerifyResponse[]> {
  const done: VerifyResponse[] = [];
  for await (const message of client.rpc.verify({ node })) if (message.done) done.push(message);
  return done;
}

test("a check finds and heals what is damaged, compares all replicas, and says what it could not check", async () => {
  await using cluster = await ClusterProcesses.start(3);
  using client = new MaintenanceClient(cluster, 1);
  await client.fill(0, 500);
  const value = "a value that is easy to find on the disk";
  await client.kv.put({ key: "victim", payload: { case: "text", value } });
  const sound = await check(client);
  expect(sound).toHaveLength(9);
  for (const each of sound)
    expect(each).toMatchObject({ damaged: 0n, compared: true, diverged: false, problem: "" });
  expect(sound.reduce((sum, { records }) => sum + records, 0n)).toBeGreaterThanOrEqual(501n * 3n);

  expect(await damage(cluster.handle(2).settings.directory, value)).toBeGreaterThan(0);
  const healed = await check(client);
  const total = (of: "damaged" | "repaired"): bigint => healed.reduce((sum, each) => sum + each[of], 0n);
  expect([total("damaged"), total("repaired")]).toEqual([1n, 1n]);
  expect(healed.find(({ damaged }) => damaged > 0n)).toMatchObject({ node: 2, problem: "", compared: true });
  expect((await check(client, 2)).every(({ node, damaged }) => node === 2 && damaged === 0n)).toBe(true);

  await cluster.kill(3);
  const without = await check(client);
  for (const each of without)
    expect([each.node, each.compared, each.problem === ""]).toEqual([
      each.node,
      each.node !== 3,
      each.node !== 3,
    ]);
});

test("merges win space back, and change nothing that anybody can see", async () => {
  await using cluster = await ClusterProcesses.start(1);
  using client = new MaintenanceClient(cluster, 1);
  for (let round = 0; round < 4; round += 1) await client.fill(0, 2000);
  const before = await client.content();
  const { freedBytes } = await client.rpc.compact({});
  expect(freedBytes).toBeGreaterThan(100_000n);
  expect(await client.content()).toEqual(before);
  await cluster.kill(1);
  await cluster.startNode(1);
  await cluster.ready();
  expect(await client.content()).toEqual(before);
});

test("levels of the log change on all nodes, and calls that make no sense are refused with a reason", async () => {
  await using cluster = await ClusterProcesses.start(3);
  const call = (method: string, body: object) => cluster.call(1, `${maintenance}/${method}`, body);
  expect((await call("SetLogLevel", { level: "info" })).status).toBe(200);
  expect(await call("SetLogLevel", { level: "loud" })).toMatchObject({ status: 400 });
  expect(await call("Compact", { node: 9 })).toMatchObject({ status: 400 });
  expect(await call("ClearAlarm", { node: 1 })).toMatchObject({ status: 400 });
  expect(await call("ClearAlarm", { node: 3, kind: "KIND_SLOW_DISK" })).toMatchObject({
    status: 200,
    body: {},
  });
  expect((await call("ListAlarms", {})).body).toEqual({});
  await cluster.kill(2);
  await expect
    .poll(async () => (await call("ListAlarms", {})).body, { timeout: 20_000 })
    .toEqual({ silentNodes: [2] });
  await cluster.startNode(2);
  await expect.poll(() => cluster.handle(3).log, { timeout: 20_000 }).toContain("connected to a node");
});
