import { describe, expect, it } from "vitest";
import { atLeast, boundedStaleness, connect, jsonCodec, textCodec, TitanError } from "../src/index.ts";
import { OperationKind } from "@titan-kv/proto/pipeline";
import { collect } from "./support/collect.ts";
import { errorOf } from "./support/error-of.ts";
import { FakeCluster } from "./support/fake-cluster.ts";

describe("single operations", () => {
  it("write, read and remove", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3 });
    const kv = (await cluster.connect()).withCodec(textCodec);
    const first = await kv.put("user:1", "hello");
    expect(first).toMatchObject({ kind: "write", applied: true, existed: false, previous: undefined });
    expect(first.revision).toBeGreaterThan(0);
    expect(await kv.get("user:1")).toBe("hello");
    const entry = await kv.getEntry("user:1");
    expect(entry).toMatchObject({
      key: "user:1",
      value: "hello",
      revision: first.revision,
      expiresAtMs: undefined,
    });
    expect(entry?.origin).toMatchObject({ shard: first.origin.shard, revision: first.revision });
    expect(await kv.has("user:1")).toBe(true);
    expect(await kv.get("user:2")).toBeUndefined();
    expect(await kv.delete("user:1", { returnPrevious: true })).toMatchObject({
      existed: true,
      previous: "hello",
    });
    expect(await kv.has("user:1")).toBe(false);
    expect(await kv.delete("user:1")).toMatchObject({ applied: true, existed: false });
  });

  it("keep every byte of keys and values, empty values included", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await kv.put("schlüssel ✓ 🙂", bytes);
    expect(await kv.get("schlüssel ✓ 🙂")).toEqual(bytes);
    await kv.put("empty", "");
    expect(await kv.get("empty")).toEqual(new Uint8Array(0));
    const large = new Uint8Array(1024 * 1024).fill(7);
    await kv.put("large", large);
    expect(await kv.get("large")).toEqual(large);
    await kv.put("text", "é".repeat(100_000));
    expect(new TextDecoder().decode(await kv.get("text"))).toBe("é".repeat(100_000));
  });

  it("write under conditions; one that does not hold is a result with the revision found", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    expect(await kv.put("k", "1", { ifPresent: true })).toMatchObject({ applied: false, revision: 0 });
    const first = await kv.put("k", "1", { ifAbsent: true });
    expect(first.applied).toBe(true);
    expect(await kv.put("k", "2", { ifAbsent: true })).toMatchObject({
      applied: false,
      revision: first.revision,
    });
    expect(await kv.put("k", "2", { ifRevision: first.revision + 1 })).toMatchObject({ applied: false });
    const second = await kv.put("k", "2", { ifRevision: first.revision, returnPrevious: true });
    expect(second).toMatchObject({ applied: true, previous: new TextEncoder().encode("1") });
    expect(await kv.delete("k", { ifRevision: first.revision })).toMatchObject({ applied: false });
    expect(await kv.delete("k", { ifRevision: second.revision })).toMatchObject({ applied: true });
    expect(await kv.put("k", "3", { ifRevision: 0 })).toMatchObject({ applied: true });
  });

  it("carry a time to live, and say when a key expires", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const before = Date.now();
    await kv.put("k", "v", { ttlMs: 60_000 });
    expect((await kv.getEntry("k"))?.expiresAtMs).toBeGreaterThanOrEqual(before + 60_000);
  });

  it("send reads at the level asked for, by call or by client", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect({ consistency: "local" });
    const written = await kv.put("k", "v");
    await kv.get("k");
    await kv.get("k", { consistency: "linearizable" });
    await kv.get("k", { consistency: "lease" });
    await kv.get("k", { consistency: atLeast(written) });
    await kv.get("k", { consistency: boundedStaleness(100) });
    const levels = cluster.node(1).seen.filter(({ kind }) => kind === OperationKind.Get);
    expect(levels.map(({ readLevel }) => readLevel)).toEqual([5, 1, 2, 3, 4]);
  });
});

describe("many operations", () => {
  it("of one batch have a result each, in the order given", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3 });
    const kv = (await cluster.connect()).withCodec(textCodec);
    await kv.put("there", "0");
    const results = await kv.batch([
      { kind: "put", key: "a", value: "1" },
      { kind: "get", key: "there" },
      { kind: "get", key: "absent" },
      { kind: "delete", key: "there", ifRevision: 99 },
    ]);
    expect(results).toMatchObject([
      { kind: "write", applied: true },
      { kind: "read", entry: { value: "0" } },
      { kind: "read", entry: undefined },
      { kind: "write", applied: false },
    ]);
    expect(await kv.batch([])).toEqual([]);
  });

  it("of one turn share a message for each node", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    await kv.put("warm", "up");
    const before = cluster.node(1).messages;
    await Promise.all(Array.from({ length: 300 }, (_, index) => kv.put(`k${index}`, "v")));
    expect(cluster.node(1).messages - before).toBe(1);
    await Promise.all(Array.from({ length: 2500 }, (_, index) => kv.get(`k${index}`)));
    expect(cluster.node(1).messages - before).toBe(1 + 3);
    expect(cluster.node(1).streams).toBe(1);
  });

  it("are read together in the order of the keys", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3 });
    const kv = (await cluster.connect()).withCodec(textCodec);
    const keys = Array.from({ length: 2000 }, (_, index) => `k${index}`);
    await kv.batch(keys.map((key) => ({ kind: "put" as const, key, value: `v of ${key}` })));
    expect(await kv.getMany([...keys, "absent"])).toEqual([...keys.map((key) => `v of ${key}`), undefined]);
  });

  it("go straight to the leader of their shard, without a detour", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3 });
    const kv = await cluster.connect();
    const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
    // The first ones take whatever connection there is, while those to the leaders are being opened.
    for (const node of cluster.nodes) node.forwards = true;
    await Promise.all(keys.map((key) => kv.put(key, "v")));
    while (cluster.nodes.some(({ connections }) => connections === 0)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      await Promise.all(keys.map((key) => kv.put(key, "v")));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const node of cluster.nodes) node.seen.length = 0;
    await Promise.all(keys.map((key) => kv.put(key, "v")));
    await kv.getMany(keys);
    for (const node of cluster.nodes) {
      expect(node.seen.length).toBeGreaterThan(0);
      for (const { key } of node.seen) expect(cluster.shards.shardOfKey(key).leader).toBe(node.id);
    }
  });
});

describe("transactions", () => {
  it("apply one list or the other, atomically, with a result per operation", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = (await cluster.connect()).withCodec(textCodec);
    const account = await kv.put("{acc}:a", "10");
    const transfer = (): ReturnType<typeof kv.txn> =>
      kv
        .txn()
        .ifRevision("{acc}:a", account.revision)
        .ifAbsent("{acc}:b")
        .put("{acc}:a", "4")
        .put("{acc}:b", "6")
        .get("{acc}:a")
        .otherwise()
        .get("{acc}:a");
    const done = await transfer().commit();
    expect(done).toMatchObject({ kind: "txn", succeeded: true });
    expect(done.results).toMatchObject([
      { kind: "write", applied: true, existed: true },
      { kind: "write", applied: true, existed: false },
      { kind: "read", entry: { key: "{acc}:a", value: "4" } },
    ]);
    const again = await transfer().commit();
    expect(again).toMatchObject({ succeeded: false, results: [{ kind: "read", entry: { value: "4" } }] });
    const byValue = await kv.txn().ifValue("{acc}:b", "6").ifPresent("{acc}:a").delete("{acc}:b").commit();
    expect(byValue.succeeded).toBe(true);
    expect(await kv.has("{acc}:b")).toBe(false);
  });
});

describe("scans", () => {
  it("iterate over ranges in order, page by page", async () => {
    await using cluster = await FakeCluster.start({ nodes: 3 });
    const kv = (await cluster.connect()).withCodec(textCodec);
    const keys = Array.from({ length: 250 }, (_, index) => `k${String(index).padStart(3, "0")}`);
    await kv.batch(keys.map((key) => ({ kind: "put" as const, key, value: key })));
    await kv.put("other", "x");
    expect((await collect(kv.scan({ prefix: "k" }))).map(({ key }) => key)).toEqual(keys);
    const pages = await collect(kv.scan({ prefix: "k", pageSize: 100 }).pages());
    expect(pages.map(({ entries }) => entries.length)).toEqual([100, 100, 50]);
    const reverse = await collect(kv.scan({ start: "k010", end: "k020", reverse: true, limit: 3 }));
    expect(reverse.map(({ key, value }) => [key, value])).toEqual([
      ["k019", "k019"],
      ["k018", "k018"],
      ["k017", "k017"],
    ]);
    const keysOnly = await collect(kv.scan({ prefix: "k00", keysOnly: true }));
    expect(keysOnly).toHaveLength(10);
    expect(keysOnly[0]?.value).toBeUndefined();
    expect(await collect(kv.scan({ prefix: "none" }))).toEqual([]);
    const firstPage = pages[0]!;
    const rest = await collect(kv.scan({ prefix: "k", pageToken: firstPage.nextPageToken }));
    expect(rest).toHaveLength(150);
  });

  it("stop when the caller stops", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    await kv.batch(
      Array.from({ length: 50 }, (_, index) => ({ kind: "put" as const, key: `k${index}`, value: "" })),
    );
    for await (const entry of kv.scan({ pageSize: 10 })) {
      if (entry.key !== "") break;
    }
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    const aborted = await errorOf(collect(kv.scan({ signal: controller.signal })));
    expect(aborted).toMatchObject({ code: "ABORTED", outcome: "NOT_APPLIED" });
  });
});

describe("codecs", () => {
  it("store JSON, and share the client", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await connect({ seeds: cluster.seeds, codec: jsonCodec<{ name: string }>() });
    await kv.put("u", { name: "Ada" });
    expect(await kv.get("u")).toEqual({ name: "Ada" });
    expect(await kv.withCodec(textCodec).get("u")).toBe('{"name":"Ada"}');
    await kv.close();
  });

  it("that cannot read what is stored fail the read and say why", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    await kv.put("k", Uint8Array.of(0xff));
    const error = await errorOf(kv.withCodec(textCodec).get("k"));
    expect(error).toMatchObject({
      code: "DECODE_FAILED",
      outcome: "NOT_APPLIED",
      retryable: false,
      subject: "k",
    });
    expect(error.cause).toBeInstanceOf(TypeError);
    const [result] = await kv.withCodec(textCodec).batch([{ kind: "get", key: "k" }]);
    expect(result).toMatchObject({ kind: "error", error: { code: "DECODE_FAILED" } });
  });
});

describe("mistakes", () => {
  it("are found before anything is sent", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const seen = cluster.seen;
    await expect(kv.get(undefined as unknown as string)).rejects.toThrow(TypeError);
    await expect(kv.put("k", 5 as unknown as string)).rejects.toThrow(/codec/);
    await expect(kv.get("k", { signal: {} as AbortSignal })).rejects.toThrow(TypeError);
    for (const promise of [
      kv.get(""),
      kv.get("\ud800"),
      kv.get("x".repeat(4097)),
      kv.get("é".repeat(2049)),
      kv.put("k", new Uint8Array(1024 * 1024 + 1)),
      kv.put("k", "\ud800"),
      kv.put("k", "v", { ttlMs: 0 }),
      kv.put("k", "v", { ttlMs: 1.5 }),
      kv.put("k", "v", { ifAbsent: true, ifRevision: 1 }),
      kv.put("k", "v", { ifRevision: -1 }),
      kv.put("k", "v", { timeoutMs: 0 }),
      kv.get("k", { consistency: "sometimes" as "local" }),
      kv.get("k", { consistency: boundedStaleness(0) }),
      kv.txn().commit(),
      kv.batch([
        { kind: "put", key: "good", value: "v" },
        { kind: "get", key: "" },
      ]),
    ]) {
      expect(await errorOf(promise)).toMatchObject({
        code: "INVALID_ARGUMENT",
        outcome: "NOT_APPLIED",
        retryable: false,
      });
    }
    expect(() => kv.scan({ limit: 0 })).toThrow(TitanError);
    expect(() => kv.scan({ pageSize: 1001 })).toThrow(/pageSize/);
    expect(() => kv.scan({ prefix: 1 as unknown as string })).toThrow(TypeError);
    expect(cluster.seen).toBe(seen);
    await kv.put("é".repeat(2048), "a key of exactly the limit");
  });
});
