/** Nodes and clients that die during backups and restores: what looks whole is whole. */
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { ClusterProcesses } from "./support/cluster-processes.ts";
import { MaintenanceClient } from "./support/maintenance-client.ts";

const maintenance = "titan.maintenance.v1.MaintenanceService";
const kv = "titan.kv.v1.KvService";

let file: Buffer;
let saved: Map<string, string>;

beforeAll(async () => {
  await using cluster = await ClusterProcesses.start(1);
  using client = new MaintenanceClient(cluster, 1);
  await client.fill(0, 18_000);
  file = await client.save();
  saved = await client.content();
}, 60_000);

/** What the RPC library makes of a node that dies. */
const connectionLost = /\[(unavailable|aborted|canceled|unknown|internal)\]/;

/** Aborts, or does something else, when this share of the file has been sent. */
function atHalf(action: () => Promise<void> | void): (offset: number) => Promise<void> {
  let isDone = false;
  return async (offset) => {
    if (isDone || offset < file.length / 2) return;
    isDone = true;
    // What was sent before has to be in the logs.
    await sleep(1000);
    await action();
  };
}

async function readiness(cluster: ClusterProcesses, node: number): Promise<string> {
  return (await fetch(`http://${cluster.address(node)}/readyz`)).text();
}

async function expectClosed(cluster: ClusterProcesses, node: number): Promise<void> {
  const get = await cluster.call(node, `${kv}/Get`, { key: "key-1", read: { level: "READ_LEVEL_LOCAL" } });
  expect(get.status).toBe(503);
  expect(JSON.stringify(get.body)).toContain("restored from a snapshot");
  expect((await cluster.call(node, `${kv}/Put`, { key: "mine", text: "v" })).status).toBe(503);
  expect(await readiness(cluster, node)).toContain("a restore from a snapshot has not finished");
  const { body } = await cluster.call(node, `${maintenance}/ListAlarms`, {});
  expect(body["alarms"]).toEqual([expect.objectContaining({ kind: "KIND_RESTORING" })]);
}

test("a restore that its client gives up leaves a closed cluster that says so, and can be begun again or abandoned", async () => {
  await using cluster = await ClusterProcesses.start(3);
  using client = new MaintenanceClient(cluster, 2);
  const controller = new AbortController();
  const giveUp = { beforePiece: atHalf(() => controller.abort()), signal: controller.signal };
  await expect(client.restore(file, giveUp)).rejects.toThrow(/abort/);
  await expectClosed(cluster, 1);
  // Also after every process was restarted.
  for (const node of [1, 2, 3]) await cluster.kill(node);
  await Promise.all([1, 2, 3].map((node) => cluster.startNode(node)));
  await expect
    .poll(() => readiness(cluster, 1), { timeout: 20_000 })
    .toBe("not ready: a restore from a snapshot has not finished\n");
  await expectClosed(cluster, 1);

  using again = new MaintenanceClient(cluster, 1);
  await expect(again.restore(file)).rejects.toThrow(/has not finished/);
  const { keys } = await again.rpc.abandonRestore({});
  expect(keys).toBeGreaterThan(0n);
  await cluster.ready();
  expect((await again.content()).size).toBe(0);
  await expect(again.rpc.abandonRestore({})).rejects.toThrow(/no restore/);

  // A damaged file, found out in the middle, is as if the client had gone away.
  const damaged = Buffer.from(file);
  damaged[file.length - 500_000]! ^= 1;
  await expect(again.restore(damaged)).rejects.toThrow(/checksum is wrong.*stays closed/);
  await expectClosed(cluster, 3);
  expect((await again.restore(file, { restart: true })).keys).toBe(BigInt(saved.size));
  expect(await again.content()).toEqual(saved);
  await cluster.ready();
});

test("a restore goes on when another node dies, and can be begun again when the one that carries it out does", async () => {
  await using cluster = await ClusterProcesses.start(3);
  using client = new MaintenanceClient(cluster, 1);
  await client.restore(file, { beforePiece: atHalf(() => cluster.kill(3)) });
  expect(await client.content()).toEqual(saved);
  await cluster.startNode(3);
  await cluster.ready();
  using third = new MaintenanceClient(cluster, 3);
  expect(await third.content()).toEqual(saved);

  await using other = await ClusterProcesses.start(3);
  using doomed = new MaintenanceClient(other, 1);
  await expect(doomed.restore(file, { beforePiece: atHalf(() => other.kill(1)) })).rejects.toThrow(
    connectionLost,
  );
  using survivor = new MaintenanceClient(other, 2);
  await expect
    .poll(() => survivor.restore(file, { restart: true }).then(({ keys }) => keys), { timeout: 30_000 })
    .toBe(BigInt(saved.size));
  expect(await survivor.content()).toEqual(saved);
  await other.startNode(1);
  await other.ready();
});

test("a backup is refused or cut with a clear error when its node dies, and another node makes it", async () => {
  await using cluster = await ClusterProcesses.start(5);
  using client = new MaintenanceClient(cluster, 1);
  await client.restore(file);
  const slow = client.rpc.saveSnapshot({ maxBytesPerSecond: 500_000n })[Symbol.asyncIterator]();
  expect((await slow.next()).done).toBe(false);
  await cluster.kill(1);
  await expect(
    (async () => {
      for (let next = await slow.next(); next.done !== true;) next = await slow.next();
    })(),
  ).rejects.toThrow(connectionLost);
  using other = new MaintenanceClient(cluster, 2);
  await expect
    .poll(
      () =>
        other.save().then(
          (bytes) => bytes.length,
          () => 0,
        ),
      { timeout: 30_000 },
    )
    .toBeGreaterThan(file.length / 2);
  expect(await other.content()).toEqual(saved);
});

test("a backup that nobody reads to its end holds nothing back, and two at a time are enough", async () => {
  await using cluster = await ClusterProcesses.start(1);
  using client = new MaintenanceClient(cluster, 1);
  await client.restore(file);
  const controller = new AbortController();
  const { signal } = controller;
  const open = [1, 2].map(() =>
    client.rpc.saveSnapshot({ maxBytesPerSecond: 100_000n }, { signal })[Symbol.asyncIterator](),
  );
  for (const stream of open) await stream.next();
  await expect(client.save()).rejects.toThrow(/makes 2 backups already/);
  controller.abort();
  await expect
    .poll(() =>
      client.save().then(
        (bytes) => bytes.length,
        () => 0,
      ),
    )
    .toBeGreaterThan(0);
});
