import { Reason } from "@titan-kv/proto";
import { OperationKind } from "@titan-kv/proto/pipeline";
import { describe, expect, it } from "vitest";
import type { ClientEventMap } from "../src/index.ts";
import { errorOf } from "./support/error-of.ts";
import { FakeCluster } from "./support/fake-cluster.ts";
import { type FakeVerdict, notApplied, type SeenOperation, unknownOutcome } from "./support/fake-node.ts";

/** A script that answers the first writes with these verdicts, in order, and serves everything after them. */
function firstWrites(...verdicts: FakeVerdict[]): (operation: SeenOperation) => FakeVerdict {
  return ({ kind }) => (kind === OperationKind.Get ? undefined : verdicts.shift()) ?? { act: "serve" };
}

function writesSeen(cluster: FakeCluster): SeenOperation[] {
  return cluster.nodes.flatMap(({ seen }) => seen).filter(({ kind }) => kind !== OperationKind.Get);
}

describe("a write is repeated with the same identity, and applied once,", () => {
  const breaks: [string, FakeVerdict][] = [
    ["when the connection breaks before it is applied", { act: "drop", apply: false }],
    ["when the connection breaks after it is applied", { act: "drop", apply: true }],
    ["when the connection breaks in the middle of the answer", { act: "drop", apply: true, half: true }],
    [
      "when leadership is lost under way",
      { act: "apply-and-fail", info: unknownOutcome(Reason.LEADER_CHANGED) },
    ],
    [
      "when the node says only that it failed",
      { act: "apply-and-fail", info: unknownOutcome(Reason.UNAVAILABLE) },
    ],
    ["when the shard has no leader", { act: "fail", info: notApplied(Reason.NOT_LEADER) }],
    ["when the slot is moving", { act: "fail", info: notApplied(Reason.SLOT_MOVING) }],
    ["when the node is stopping", { act: "fail", info: notApplied(Reason.UNAVAILABLE) }],
  ];
  it.each(breaks)("%s", async (_, verdict) => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    cluster.script(firstWrites(verdict));
    expect(await kv.put("k", "once")).toMatchObject({ applied: true, existed: false });
    const seen = writesSeen(cluster);
    expect(seen).toHaveLength(2);
    expect(seen[1]).toMatchObject({ session: seen[0]!.session, seq: seen[0]!.seq });
    expect(cluster.shards.applications.get("k=once")).toBe(1);
  });
});

describe("a write without identity", () => {
  it("is not repeated once it may have been applied", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect({ atMostOnce: false });
    cluster.script(firstWrites({ act: "drop", apply: true }));
    const error = await errorOf(kv.put("k", "once"));
    expect(error).toMatchObject({ code: "UNAVAILABLE", outcome: "UNKNOWN", retryable: false });
    expect(writesSeen(cluster)).toMatchObject([{ session: "", seq: 0 }]);
  });

  it("is repeated when it certainly was not", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect({ atMostOnce: false });
    cluster.script(firstWrites({ act: "fail", info: notApplied(Reason.NOT_LEADER) }));
    expect(await kv.put("k", "once")).toMatchObject({ applied: true });
  });
});

describe("what is not repeated", () => {
  it.each([
    [Reason.INVALID_ARGUMENT, "INVALID_ARGUMENT"],
    [Reason.PERMISSION_DENIED, "PERMISSION_DENIED"],
    [Reason.NO_SPACE, "NO_SPACE"],
    [Reason.CROSS_SHARD, "CROSS_SHARD"],
    [Reason.CORRUPT, "CORRUPT"],
    [Reason.FAILED_PRECONDITION, "FAILED_PRECONDITION"],
    [Reason.OUT_OF_RANGE, "OUT_OF_RANGE"],
    [Reason.UNIMPLEMENTED, "UNIMPLEMENTED"],
    [Reason.INTERNAL, "INTERNAL"],
    [99 as Reason, "INTERNAL"],
  ])("reason %i is told at once, as %s", async (reason, code) => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    cluster.script(() => ({ act: "fail", info: notApplied(reason, { subject: "here" }) }));
    expect(await errorOf(kv.put("k", "v"))).toMatchObject({
      code,
      outcome: "NOT_APPLIED",
      retryable: false,
      subject: "here",
    });
    expect(cluster.seen).toBe(1);
  });

  it("is anything, when repeating is switched off", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect({ retry: { maxAttempts: 1 } });
    cluster.script(() => ({ act: "fail", info: notApplied(Reason.OVERLOADED) }));
    expect(await errorOf(kv.put("k", "v"))).toMatchObject({ code: "OVERLOADED", retryable: true });
    expect(cluster.seen).toBe(1);
  });
});

describe("hints", () => {
  it("to another leader are followed at once, and remembered", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3, shards: 1 });
    const kv = await cluster.connect();
    await kv.put("k", "0");
    cluster.shards.shards[0]!.leader = 2;
    const delays: number[] = [];
    kv.on("retry", ({ delayMs }) => delays.push(delayMs));
    await kv.put("k", "1");
    await kv.put("k", "2");
    expect(delays.every((delayMs) => delayMs === 0)).toBe(true);
    while (cluster.node(2).connections === 0) await kv.put("k", "3");
    cluster.node(1).seen.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 20));
    await kv.put("k", "4");
    expect(cluster.node(1).seen).toHaveLength(0);
  });

  it("in circles do not make a storm", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2, shards: 1 });
    const kv = await cluster.connect();
    let count = 0;
    const leader = (node: number): { node: number; address: string } => ({
      node,
      address: cluster.node(node).address,
    });
    cluster.script(({ node }) => {
      count += 1;
      return { act: "fail", info: notApplied(Reason.NOT_LEADER, { leader: leader(node === 1 ? 2 : 1) }) };
    });
    const error = await errorOf(kv.put("k", "v", { timeoutMs: 300 }));
    // NOT_LEADER, or DEADLINE_EXCEEDED when the time is over between two attempts.
    expect(error).toMatchObject({ outcome: "NOT_APPLIED", retryable: true });
    // Two at once, then a wait that doubles from 5 ms: about a dozen and a half fit into 300 ms.
    expect(count).toBeLessThan(40);
  });

  it("of a newer slot table make the client fetch it", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2 });
    const kv = await cluster.connect();
    const epochs: number[] = [];
    kv.on("topology", ({ epoch }) => epochs.push(epoch));
    await kv.put("k", "0");
    const [first, second] = cluster.shards.shards;
    cluster.shards.moveAll(first!, second!);
    cluster.script(({ kind, node, key }) => {
      if (kind === OperationKind.Get || cluster.shards.shardOfKey(key).leader === node)
        return { act: "serve" };
      return { act: "fail", info: notApplied(Reason.WRONG_SHARD, { epoch: BigInt(cluster.shards.epoch) }) };
    });
    await Promise.all(Array.from({ length: 50 }, (_, index) => kv.put(`k${index}`, "1")));
    expect(epochs).toContain(2);
  });
});

describe("waiting", () => {
  it("is at least as long as the node asks, and repeated ever later", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const retries: ClientEventMap["retry"][] = [];
    kv.on("retry", (event) => retries.push(event));
    const overloaded: FakeVerdict = {
      act: "fail",
      info: notApplied(Reason.OVERLOADED, { retryAfterMs: 40 }),
    };
    cluster.script(firstWrites(overloaded, overloaded, overloaded));
    await kv.put("k", "v");
    expect(retries).toHaveLength(3);
    for (const { delayMs, code, operation } of retries) {
      expect(delayMs).toBeGreaterThanOrEqual(40);
      expect({ code, operation }).toEqual({ code: "OVERLOADED", operation: "put" });
    }
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  it("that would outlast the call ends it with the reason", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    cluster.script(() => ({ act: "fail", info: notApplied(Reason.OVERLOADED, { retryAfterMs: 60_000 }) }));
    expect(await errorOf(kv.put("k", "v"))).toMatchObject({ code: "OVERLOADED", retryable: true });
  });

  it("is bounded by the budget: an empty one lets tokens through at their rate", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const budget = { capacity: 5, perSecond: 20, perAnswer: 0 };
    const kv = await cluster.connect({ retry: { baseMs: 1, maxMs: 1, budget } });
    cluster.script(() => ({ act: "fail", info: notApplied(Reason.OVERLOADED) }));
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => errorOf(kv.put(`k${index}`, "v", { timeoutMs: 500 }))),
    );
    // 20 first attempts, 5 from the bucket, and 20 a second for half a second.
    expect(cluster.seen).toBeLessThanOrEqual(20 + 5 + 11);
    expect(cluster.seen).toBeGreaterThanOrEqual(20 + 5 + 5);
  });
});

describe("sessions", () => {
  it("that a shard has forgotten are replaced, and the write takes place", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const reasons: string[] = [];
    kv.on("session", ({ reason }) => reasons.push(reason));
    await kv.put("k", "1");
    await new Promise((resolve) => setTimeout(resolve, 600));
    // After the date of the first session and before that of the next one, as the client knows the time.
    for (const shard of cluster.shards.shards) shard.forgetSessions(Date.now() - 300);
    await Promise.all(Array.from({ length: 100 }, (_, index) => kv.put(`k${index}`, "2")));
    expect(reasons).toEqual(["first", "expired"]);
    expect(Math.max(...cluster.shards.applications.values())).toBe(1);
  });

  it("get later dates when a shard's clock was ahead", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    cluster.shards.shards[0]!.forgetSessions(Date.now() + 10_000);
    expect(await kv.put("k", "1")).toMatchObject({ applied: true });
  });

  it("that are forgotten after an attempt of unknown outcome end the write with UNKNOWN", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    let attempts = 0;
    cluster.script(() => {
      attempts += 1;
      if (attempts > 1) return { act: "serve" };
      cluster.shards.shards[0]!.forgetSessions(Date.now() + 1000);
      return { act: "apply-and-fail", info: unknownOutcome(Reason.LEADER_CHANGED) };
    });
    cluster.shards.apply = (() => "session-expired") as typeof cluster.shards.apply;
    expect(await errorOf(kv.put("k", "1"))).toMatchObject({
      code: "SESSION_EXPIRED",
      outcome: "UNKNOWN",
      retryable: false,
    });
    expect(attempts).toBe(2);
  });

  it("are one per shard, so a shard that does not answer holds up no other", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2 });
    const kv = await cluster.connect();
    const dead = cluster.shards.shards[0]!;
    cluster.script(({ key, kind }) => {
      const isDead = kind !== OperationKind.Get && cluster.shards.shardOfKey(key) === dead;
      return isDead ? { act: "ignore", apply: false } : { act: "serve" };
    });
    const keys = Array.from({ length: 12_000 }, (_, index) => `k${index}`);
    const stuck = keys.filter((key) => cluster.shards.shardOfKey(key) === dead).slice(0, 600);
    const alive = keys.filter((key) => cluster.shards.shardOfKey(key) !== dead);
    const controller = new AbortController();
    let ended = 0;
    const failures = stuck.map(async (key) => {
      const { outcome } = await errorOf(kv.put(key, "v", { timeoutMs: 60_000, signal: controller.signal }));
      ended += 1;
      return outcome;
    });
    await Promise.all(alive.map((key) => kv.put(key, "v", { timeoutMs: 30_000 })));
    expect(ended).toBe(0);
    controller.abort();
    expect(await Promise.all(failures)).toEqual(stuck.map(() => "UNKNOWN"));
    expect(cluster.shards.violations).toEqual([]);
  });

  it("tell their shards which answers need not be kept", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    for (let round = 0; round < 12; round += 1) {
      await Promise.all(Array.from({ length: 1000 }, (_, index) => kv.put(`k${index}`, `${round}`)));
    }
    expect(cluster.shards.violations).toEqual([]);
    const [session] = cluster.shards.shards[0]!.sessions.values();
    expect(session?.acknowledgedBelow).toBeGreaterThan(10_000);
  });

  it("are left to a slow write, so that it holds up no other of its shard", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const reasons: string[] = [];
    kv.on("session", ({ reason }) => reasons.push(reason));
    cluster.script(({ key }) => (key === "slow" ? { act: "ignore", apply: false } : { act: "serve" }));
    const controller = new AbortController();
    const slow = errorOf(kv.put("slow", "v", { timeoutMs: 60_000, signal: controller.signal }));
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: 1000 }, (_, index) => kv.put(`k${round}-${index}`, "v")));
    }
    controller.abort();
    expect(await slow).toMatchObject({ code: "ABORTED", outcome: "UNKNOWN" });
    expect(reasons).toEqual(["first", "stragglers"]);
    expect(cluster.shards.violations).toEqual([]);
  });
});
