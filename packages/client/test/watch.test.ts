/** A watch shows every change once and in order, whatever becomes of nodes and connections, or says that it cannot. */
import { describe, expect, it } from "vitest";
import {
  connect,
  type TitanClient,
  jsonCodec,
  textCodec,
  type Watch,
  type WatchEvent,
} from "../src/index.ts";
import { connect as connectWeb } from "../src/web.ts";
import { errorOf } from "./support/error-of.ts";
import { FakeCluster } from "./support/fake-cluster.ts";
import { RealCluster } from "./support/real-cluster.ts";

/** Reads a watch until so many events have come. */
async function take<Value>(watch: Watch<Value>, count: number): Promise<WatchEvent<Value>[]> {
  const events: WatchEvent<Value>[] = [];
  for await (const event of watch) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}

async function values(watch: Watch<string>, count: number): Promise<string[]> {
  return (await take(watch, count)).map(({ value }) => value ?? "");
}

/** A watch that has begun: what comes is collected until as many events are there as are waited for. */
class Follower<Value> {
  readonly events: WatchEvent<Value>[] = [];
  readonly done: Promise<void>;
  begun: Promise<void>;
  resumeToken = "";
  marks = 0;

  constructor(watch: Watch<Value>, until: (events: readonly WatchEvent<Value>[]) => boolean) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.begun = promise;
    this.done = (async () => {
      for await (const { events, resumeToken } of watch.batches()) {
        resolve();
        this.resumeToken = resumeToken;
        if (events.length === 0) this.marks += 1;
        this.events.push(...events);
        if (until(this.events)) return;
      }
    })();
    this.done.catch(resolve);
  }

  get lines(): string[] {
    return this.events.map(({ kind, key, value }) => `${kind} ${key} ${String(value ?? "")}`.trim());
  }
}

function follow<Value>(watch: Watch<Value>, count: number): Follower<Value> {
  return new Follower(watch, ({ length }) => length >= count);
}

type TextClient = TitanClient<string, string>;

async function textClient(cluster: FakeCluster): Promise<TextClient> {
  return (await cluster.connect()).withCodec(textCodec);
}

describe("a watch", () => {
  it("shows the changes of a key or a prefix, with values as the codec reads them", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2, shards: 3 });
    const kv = (await cluster.connect()).withCodec(jsonCodec<{ n: number }>());
    await kv.put("u:1", { n: 0 });
    const [all, one] = [follow(kv.watch({ prefix: "u:" }), 3), follow(kv.watch({ key: "u:2" }), 1)];
    await Promise.all([all.begun, one.begun]);
    const { origin } = await kv.put("u:1", { n: 1 });
    await kv.put("v:1", { n: 9 });
    await kv.put("u:2", { n: 2 });
    await kv.delete("u:1");
    await Promise.all([all.done, one.done]);
    expect(one.events).toMatchObject([{ kind: "put", key: "u:2", value: { n: 2 } }]);
    expect(all.events.filter(({ key }) => key === "u:1")).toMatchObject([
      { kind: "put", value: { n: 1 }, shard: origin.shard, revision: origin.revision },
      { kind: "delete", value: undefined, shard: origin.shard },
    ]);
  });

  it("begins after the positions that it is given: a write's, an event's, or a token of all shards", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1, shards: 2 });
    const kv = await textClient(cluster);
    const { origin } = await kv.put("k", "0");
    const first = follow(kv.watch(), 2);
    await first.begun;
    for (const value of ["1", "2", "3"]) await kv.put("k", value);
    await first.done;
    expect(await values(kv.watch({ key: "k", from: [origin] }), 3)).toEqual(["1", "2", "3"]);
    expect(await values(kv.watch({ key: "k", from: [first.events[0]!] }), 2)).toEqual(["2", "3"]);
    expect(await values(kv.watch({ from: first.resumeToken }), 1)).toEqual(["3"]);
  });

  it("marks its progress when nothing happens", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await textClient(cluster);
    const batches = kv.watch({ progressIntervalMs: 100 }).batches();
    for (let count = 0; count < 3; count += 1) {
      expect((await batches.next()).value).toMatchObject({ events: [], shard: 1, revision: 0 });
    }
    await batches.return();
  });

  it("refuses what makes no sense at once", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await textClient(cluster);
    for (const options of [
      { key: "a", prefix: "a" },
      { key: "" },
      { from: "" },
      { from: [{ shard: 1, revision: -1 }] },
      { progressIntervalMs: 1 },
      { timeoutMs: 1000 },
    ]) {
      expect(() => kv.watch(options)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
    expect(() => kv.watch({ key: 1 as never })).toThrow(TypeError);
    expect(() => kv.watch({ from: 1 as never })).toThrow(TypeError);
  });
});

describe("a watch goes on", () => {
  it("at another node when connections break, without a gap and without anything twice", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3 });
    const kv = await textClient(cluster);
    const expected = Array.from({ length: 200 }, (_, index) => `put k${index} ${index}`);
    const follower = follow(kv.watch(), expected.length);
    await follower.begun;
    for (let index = 0; index < expected.length; index += 1) {
      await kv.put(`k${index}`, `${index}`);
      if (index % 50 === 25) for (const node of cluster.nodes) node.cut();
    }
    await follower.done;
    expect(follower.lines.toSorted()).toEqual(expected.toSorted());
  });

  it("when a node ends the stream, with or without an error", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2, shards: 1 });
    for (const [index, node] of cluster.nodes.entries()) {
      node.watchFault = { endAfter: { messages: 2, status: index === 0 ? 0 : 14 } };
    }
    const kv = await textClient(cluster);
    const follower = follow(kv.watch({ key: "k" }), 6);
    await follower.begun;
    for (let value = 1; value <= 6; value += 1) await kv.put("k", `${value}`);
    await follower.done;
    expect(follower.events.map(({ value }) => value)).toEqual(["1", "2", "3", "4", "5", "6"]);
  });

  it("when a node says nothing more, although its connection lives", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2, shards: 1 });
    const kv = await textClient(cluster);
    for (const node of cluster.nodes) node.watchFault = { silentAfter: 1 };
    const follower = follow(kv.watch({ key: "k", progressIntervalMs: 100 }), 1);
    await follower.begun;
    for (const node of cluster.nodes) node.watchFault = {};
    await kv.put("k", "v");
    await follower.done;
    expect(follower.lines).toEqual(["put k v"]);
    expect(cluster.nodes.map(({ watches }) => watches)).toEqual([1, 1]);
  });

  it("at the node that still has the changes", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3, shards: 1 });
    const kv = await textClient(cluster);
    const { origin } = await kv.put("k", "0");
    for (let value = 1; value <= 3; value += 1) await kv.put("k", `${value}`);
    for (const node of cluster.nodes) if (node.id !== 2) node.watchFault = { keptAfter: 3 };
    for (let round = 0; round < 4; round += 1) {
      expect(await values(kv.watch({ key: "k", from: [origin] }), 3)).toEqual(["1", "2", "3"]);
    }
  });
});

describe("a watch ends", () => {
  it("with OUT_OF_RANGE when no node has the changes any more, and each was asked once", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3, shards: 1 });
    const kv = await textClient(cluster);
    const { origin } = await kv.put("k", "0");
    await kv.put("k", "1");
    for (const node of cluster.nodes) node.watchFault = { keptAfter: 2 };
    expect(await errorOf(take(kv.watch({ from: [origin] }), 1))).toMatchObject({
      code: "OUT_OF_RANGE",
      outcome: "NOT_APPLIED",
    });
    expect(cluster.nodes.map(({ watches }) => watches)).toEqual([1, 1, 1]);
  });

  it("with DEADLINE_EXCEEDED and the last reason when nobody is there for too long", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await textClient(cluster);
    const follower = follow(kv.watch({ progressIntervalMs: 100, timeoutMs: 400 }), 1);
    await follower.begun;
    await cluster.node(1).stop();
    expect(await errorOf(follower.done)).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      cause: { code: "UNAVAILABLE" },
    });
  });

  it("when its signal fires, when the client is closed, and at the node when the caller stops", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await textClient(cluster);
    const controller = new AbortController();
    const aborted = follow(kv.watch({ signal: controller.signal }), 1);
    const closed = follow(kv.watch(), 1);
    const stopped = kv.watch().batches();
    await Promise.all([aborted.begun, closed.begun, stopped.next()]);
    expect(cluster.shards.onChange.size).toBe(3);
    controller.abort("enough");
    expect(await errorOf(aborted.done)).toMatchObject({ code: "ABORTED", cause: "enough" });
    await stopped.return();
    await expect.poll(() => cluster.shards.onChange.size).toBe(1);
    await kv.close();
    expect(await errorOf(closed.done)).toMatchObject({ code: "CLOSED" });
    expect(await errorOf(take(kv.watch(), 1))).toMatchObject({ code: "CLOSED" });
  });

  it("with DECODE_FAILED when the codec cannot read a value", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const follower = follow(kv.withCodec(jsonCodec()).watch(), 1);
    await follower.begun;
    await kv.put("k", "no JSON");
    expect(await errorOf(follower.done)).toMatchObject({ code: "DECODE_FAILED", subject: "k" });
  });
});

describe("with real nodes a watch", () => {
  it("misses nothing while nodes are killed, stopped, paused and restarted", async () => {
    await using cluster = await RealCluster.start(3);
    await using kv = await connect({ seeds: cluster.seeds, codec: textCodec });
    const follower = new Follower(kv.watch({ prefix: "w", progressIntervalMs: 500 }), (events) =>
      events.some(({ key }) => key === "w-end"),
    );
    await follower.begun;
    const stop = new AbortController();
    const acknowledged: string[] = [];
    const writing = (async () => {
      for (let index = 0; !stop.signal.aborted; index += 1) {
        const key = `w${index % 20}`;
        const { revision, origin } = await kv.put(key, `${index}`, { timeoutMs: 20_000 });
        acknowledged.push(`${key}=${index} at ${origin.shard}/${revision}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    for (const node of [1, 2, 3]) {
      if (node === 3) cluster.pause(3);
      else await cluster.kill(node, node === 1 ? "SIGKILL" : "SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 1500));
      if (node === 3) cluster.resume(3);
      else await cluster.startNode(node);
      await cluster.ready();
    }
    stop.abort();
    await writing;
    // One end for each shard, so that all of them are seen to the end.
    for (let index = 0; index < 30; index += 1) await kv.put(`w-tail${index}`, "");
    await kv.put("w-end", "");
    await follower.done;
    const seen = follower.events.filter(({ key }) => !key.startsWith("w-"));
    const lines = seen.map(({ key, value, shard, revision }) => `${key}=${value} at ${shard}/${revision}`);
    expect(new Set(lines).size).toBe(lines.length);
    expect(acknowledged.filter((line) => !lines.includes(line))).toEqual([]);
    const last = new Map<number, number>();
    for (const { shard, revision } of follower.events) {
      expect(revision).toBeGreaterThan(last.get(shard) ?? 0);
      last.set(shard, revision);
    }
  });

  it("works over fetch, as writes do through a restart; afterwards it says that the past is gone", async () => {
    await using cluster = await RealCluster.start(1);
    await using web = await connectWeb({ baseUrl: `http://${cluster.seeds[0]}`, codec: textCodec });
    const { origin } = await web.put("k", "0");
    await web.put("k", "1");
    const events = await take(web.watch({ key: "k", from: [origin] }), 1);
    expect(events).toMatchObject([{ kind: "put", value: "1" }]);
    await cluster.kill(1, "SIGTERM");
    const meanwhile = web.put("k", "2", { timeoutMs: 30_000 });
    await cluster.startNode(1);
    expect(await meanwhile).toMatchObject({ applied: true });
    expect(await errorOf(take(web.watch({ key: "k", from: [origin] }), 1))).toMatchObject({
      code: "OUT_OF_RANGE",
    });
  });
});
