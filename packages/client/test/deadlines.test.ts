import { Reason } from "@titan-kv/proto";
import { describe, expect, it, vi } from "vitest";
import { errorOf } from "./support/error-of.ts";
import { FakeCluster } from "./support/fake-cluster.ts";
import { unknownOutcome } from "./support/fake-node.ts";

describe("the time of a call", () => {
  it("travels with each attempt, less what has passed", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect({ timeoutMs: 3000 });
    let attempts = 0;
    cluster.script(() => {
      attempts += 1;
      return attempts === 1
        ? { act: "fail", info: unknownOutcome(Reason.LEADER_CHANGED, { retryAfterMs: 100 }) }
        : { act: "serve" };
    });
    await kv.put("k", "v");
    await kv.get("k", { timeoutMs: 700 });
    const [first, second, third] = cluster.node(1).seen;
    expect(first!.timeoutMs).toBeLessThanOrEqual(3000);
    expect(second!.timeoutMs).toBeLessThanOrEqual(2901);
    expect(second!.timeoutMs).toBeGreaterThan(0);
    expect(third!.timeoutMs).toBeLessThanOrEqual(700);
  });

  it("being over says UNKNOWN of a write that was sent, and NOT_APPLIED of a read", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    cluster.script(() => ({ act: "ignore", apply: true }));
    const [write, read] = await Promise.all([
      errorOf(kv.put("k", "v", { timeoutMs: 60 })),
      errorOf(kv.get("k", { timeoutMs: 60 })),
    ]);
    expect(write).toMatchObject({ code: "DEADLINE_EXCEEDED", outcome: "UNKNOWN", retryable: false });
    expect(read).toMatchObject({ code: "DEADLINE_EXCEEDED", outcome: "NOT_APPLIED", retryable: true });
    cluster.script(() => ({ act: "serve" }));
    await kv.put("k", "w");
  });

  it("being over says NOT_APPLIED of a write that never left", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect({ limits: { maxInFlightOperations: 1 } });
    cluster.script(() => ({ act: "ignore", apply: true }));
    const sent = errorOf(kv.put("a", "v", { timeoutMs: 100 }));
    const waiting = errorOf(kv.put("b", "v", { timeoutMs: 50 }));
    expect(await waiting).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      outcome: "NOT_APPLIED",
      retryable: true,
    });
    expect(await sent).toMatchObject({ outcome: "UNKNOWN" });
    expect(cluster.seen).toBe(1);
    // The one that nobody waits for any more does not take up the stream, although its answer never comes.
    cluster.script(() => ({ act: "serve" }));
    expect(await kv.put("c", "v")).toMatchObject({ applied: true });
  });

  it("being over after an attempt of unknown outcome says UNKNOWN, with the attempt as cause", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    let attempts = 0;
    cluster.script(() => {
      attempts += 1;
      return attempts === 1
        ? { act: "apply-and-fail", info: unknownOutcome(Reason.LEADER_CHANGED) }
        : { act: "ignore", apply: false };
    });
    const error = await errorOf(kv.put("k", "v", { timeoutMs: 100 }));
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", outcome: "UNKNOWN" });
    expect(error.cause).toMatchObject({ code: "LEADER_CHANGED" });
  });
});

describe("an AbortSignal", () => {
  it("that has fired keeps the call from being sent", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const reason = new Error("not today");
    const error = await errorOf(kv.put("k", "v", { signal: AbortSignal.abort(reason) }));
    expect(error).toMatchObject({ code: "ABORTED", outcome: "NOT_APPLIED", cause: reason });
    const controller = new AbortController();
    const sameTurn = errorOf(kv.put("k", "v", { signal: controller.signal }));
    controller.abort(reason);
    expect(await sameTurn).toMatchObject({ code: "ABORTED", outcome: "NOT_APPLIED" });
    await kv.get("k");
    expect(cluster.seen).toBe(1);
  });

  it("that fires under way says what is known, and lets the answer come to nobody", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    cluster.script(() => ({ act: "serve", delayMs: 50 }));
    const controller = new AbortController();
    const write = errorOf(kv.put("k", "v", { signal: controller.signal }));
    const read = errorOf(kv.get("k", { signal: controller.signal }));
    const batch = kv.batch([{ kind: "put", key: "b", value: "v" }], { signal: controller.signal });
    while (cluster.seen < 3) await new Promise((resolve) => setTimeout(resolve, 2));
    controller.abort();
    expect(await write).toMatchObject({ code: "ABORTED", outcome: "UNKNOWN" });
    expect(await read).toMatchObject({ code: "ABORTED", outcome: "NOT_APPLIED" });
    expect(await batch).toMatchObject([{ kind: "error", error: { code: "ABORTED", outcome: "UNKNOWN" } }]);
    await kv.put("k", "w");
  });
});

describe("one AbortSignal for many calls", () => {
  it("gets one listener, which goes when the last call is settled", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    const calls = Array.from({ length: 200 }, (_, index) => kv.get(`k${index}`, { signal }));
    calls.push(kv.getMany(["a", "b"], { signal }).then(() => undefined));
    await Promise.all(calls);
    expect(added).toHaveBeenCalledTimes(1);
    expect(removed).toHaveBeenCalledTimes(1);
  });

  it("ends them all", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    cluster.script(() => ({ act: "ignore", apply: false }));
    const controller = new AbortController();
    const calls = Array.from({ length: 50 }, (_, index) => errorOf(kv.put(`k${index}`, "", controller)));
    while (cluster.seen < 50) await new Promise((resolve) => setTimeout(resolve, 2));
    controller.abort();
    const errors = await Promise.all(calls);
    expect(new Set(errors.map(({ code, outcome }) => `${code} ${outcome}`))).toEqual(
      new Set(["ABORTED UNKNOWN"]),
    );
  });
});

describe("limits", () => {
  it("bound what is under way on a stream; the rest waits its turn", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect({ limits: { maxInFlightOperations: 10 } });
    let underWay = 0;
    let most = 0;
    cluster.script(() => {
      underWay += 1;
      most = Math.max(most, underWay);
      setTimeout(() => {
        underWay -= 1;
      }, 1);
      return { act: "serve", delayMs: 2 };
    });
    await Promise.all(Array.from({ length: 200 }, (_, index) => kv.get(`k${index}`)));
    expect(most).toBe(10);
  });

  it("bound the bytes under way as well", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect({ limits: { maxInFlightBytes: 100_000 } });
    let underWay = 0;
    let most = 0;
    cluster.script(() => {
      underWay += 1;
      most = Math.max(most, underWay);
      setTimeout(() => {
        underWay -= 1;
      }, 1);
      return { act: "serve", delayMs: 2 };
    });
    const value = new Uint8Array(200_000);
    await Promise.all(Array.from({ length: 20 }, (_, index) => kv.put(`k${index}`, value)));
    expect(most).toBe(1);
  });

  it("refuse what does not fit, with OVERLOADED and nothing sent", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect({ limits: { maxPendingOperations: 100 } });
    const results = await Promise.allSettled(
      Array.from({ length: 150 }, (_, index) => kv.put(`k${index}`, "v")),
    );
    const refused = results.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(50);
    expect(refused[0]).toMatchObject({
      reason: { code: "OVERLOADED", outcome: "NOT_APPLIED", retryable: true },
    });
    expect(cluster.seen).toBe(100);
    const bytes = await cluster.connect({ limits: { maxPendingBytes: 1000 } });
    const big = [bytes.put("a", new Uint8Array(900)), bytes.put("b", new Uint8Array(900))];
    expect((await Promise.allSettled(big)).map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  });

  it("keep one large call from pushing the others aside", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const keys = Array.from({ length: 20_000 }, (_, index) => `k${index}`);
    const large = kv.getMany(keys);
    const single = kv.get("single");
    await single;
    expect(cluster.node(1).seen.findIndex(({ key }) => key === "single")).toBeLessThanOrEqual(512);
    await large;
  });

  it("cut large batches into messages that nodes take", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const value = new Uint8Array(300_000);
    await kv.batch(
      Array.from({ length: 40 }, (_, index) => ({ kind: "put" as const, key: `k${index}`, value })),
    );
    await kv.put("largest", new Uint8Array(1024 * 1024));
    expect(cluster.shards.violations).toEqual([]);
  });
});
