/** Each read level is told apart from the next weaker one by what it does on a follower that has been cut off. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ClusterProcesses } from "./support/cluster-processes.ts";

const kv = "titan.kv.v1.KvService";

let cluster: ClusterProcesses;
/** The node that leads the key's shard, and one that follows. */
let leader: number;
let follower: number;

beforeAll(async () => {
  cluster = await ClusterProcesses.start(3, { leaseReads: true, defaultTimeoutMs: 1500 });
  const { body } = await cluster.call(1, `${kv}/Put`, { key: "k", text: "first" });
  leader = (body["origin"] as { node: number }).node;
  follower = [1, 2, 3].find((node) => node !== leader)!;
});

afterAll(async () => {
  await cluster?.stop();
});

async function read(
  node: number,
  level: string,
  more: object = {},
): Promise<{ status: number; text: unknown; body: Record<string, unknown> }> {
  const { status, body } = await cluster.call(node, `${kv}/Get`, {
    key: "k",
    read: { level: `READ_LEVEL_${level}`, ...more },
  });
  return { status, text: body["text"], body };
}

test("every level is served by leader and follower while all is well, and says so", async () => {
  for (const node of [leader, follower]) {
    for (const [level, more] of [
      ["LINEARIZABLE", {}],
      ["LEASE", {}],
      ["AT_LEAST", { minRevision: "1" }],
      ["BOUNDED", { maxStalenessMs: 5000 }],
      ["LOCAL", {}],
    ] as const) {
      const answer = await read(node, level, more);
      expect(answer).toMatchObject({
        status: 200,
        text: "first",
        body: { level: `READ_LEVEL_${level}`, origin: { node } },
      });
    }
  }
});

test("a replica without a majority serves what promises little and refuses what promises much", async () => {
  // A bounded read on the survivor makes it know how fresh it is.
  await read(follower, "BOUNDED", { maxStalenessMs: 60_000 });
  for (const node of [1, 2, 3]) if (node !== follower) await cluster.kill(node);
  expect(await read(follower, "LOCAL")).toMatchObject({ status: 200, text: "first" });
  expect(await read(follower, "AT_LEAST", { minRevision: "1" })).toMatchObject({
    status: 200,
    text: "first",
  });
  // Told apart from LOCAL: a revision that is not there yet is not served.
  expect((await read(follower, "AT_LEAST", { minRevision: "1000" })).status).not.toBe(200);
  expect(await read(follower, "BOUNDED", { maxStalenessMs: 60_000 })).toMatchObject({
    status: 200,
    text: "first",
  });
  // Told apart from AT_LEAST: too old is not served.
  expect((await read(follower, "BOUNDED", { maxStalenessMs: 1 })).status).not.toBe(200);
  // Told apart from BOUNDED: however fresh the replica was, nobody confirms that it still is.
  expect((await read(follower, "LEASE")).status).not.toBe(200);
  expect((await read(follower, "LINEARIZABLE")).status).not.toBe(200);
  for (const node of [1, 2, 3]) if (node !== follower) await cluster.startNode(node);
  await cluster.ready();
  expect(await read(follower, "LINEARIZABLE")).toMatchObject({ status: 200, text: "first" });
});

test("a leader that was stopped for longer than an election serves nothing old when it wakes", async () => {
  const { body } = await cluster.call(1, `${kv}/Put`, { key: "k", text: "before" });
  const paused = (body["origin"] as { node: number }).node;
  const other = [1, 2, 3].find((node) => node !== paused)!;
  cluster.pause(paused);
  await new Promise((resolve) => setTimeout(resolve, 4000));
  await expect
    .poll(async () => (await cluster.call(other, `${kv}/Put`, { key: "k", text: "after" })).status, {
      timeout: 20_000,
    })
    .toBe(200);
  // The questions are waiting in its sockets when it wakes: it answers them before it hears from anybody.
  const waiting = ["LINEARIZABLE", "LEASE"].map((level) => read(paused, level));
  await new Promise((resolve) => setTimeout(resolve, 100));
  cluster.resume(paused);
  for (const answer of await Promise.all(waiting)) {
    if (answer.status === 200) expect(answer.text).toBe("after");
  }
});

test("reads under a lease are refused where leases are off", async () => {
  await using plain = await ClusterProcesses.start(1);
  const answer = await plain.call(1, `${kv}/Get`, { key: "k", read: { level: "READ_LEVEL_LEASE" } });
  expect(answer.body).toMatchObject({ code: "failed_precondition" });
});
