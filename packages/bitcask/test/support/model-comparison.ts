import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  Bitcask,
  type BatchOperation,
  type OpenOptions,
  type ScanOptions,
  type Snapshot,
} from "../../src/index.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

/**
 * Random operations against a plain Map. Several writes are in flight at once, snapshots are held over merges, the clock
 * moves, the store is closed and opened, copied by checkpoint and by export; every answer is compared.
 */
interface Held {
  readonly value: string;
  readonly expiresAtMs: number | undefined;
}
type Model = Map<string, Held>;
type ScanBounds = { readonly [Name in keyof ScanOptions]: ScanOptions[Name] | undefined };

const key = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 12 }).map((number) => `k${number}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "\u0000", "key with ünïcode 🎈", "k1\u0000", "bitcask_tombstone"),
  },
);
const value = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.integer({ min: 300, max: 1500 }).map((size) => "v".repeat(size)),
);
const ttlMs = fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined, freq: 4 });
const write = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant("put" as const), key, value, ttlMs, sync: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("del" as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("stream" as const), key, value }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("putIfAbsent" as const), key, value }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant("clear" as const),
      gte: fc.option(key, { nil: undefined }),
      lt: fc.option(key, { nil: undefined }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("batch" as const),
      isSync: fc.boolean(),
      items: fc.array(fc.record({ key, value: fc.option(value, { nil: undefined }) }), { maxLength: 5 }),
      meta: fc.option(fc.string({ maxLength: 8 }), { nil: undefined }),
    }),
  },
);
const range = fc.record({
  gte: fc.option(key, { nil: undefined }),
  lt: fc.option(key, { nil: undefined }),
  prefix: fc.option(fc.constantFrom("k", "k1", ""), { nil: undefined }),
  reverse: fc.boolean(),
  limit: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
});
export const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant("writes" as const),
      writes: fc.array(write, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("get" as const), key }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("scan" as const), range }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant("merge" as const),
      force: fc.boolean(),
      during: fc.array(write, { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("takeSnapshot" as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("releaseSnapshot" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 40 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constantFrom("reopen" as const, "checkpoint" as const, "export" as const, "flush" as const),
    }),
  },
);
type Write = typeof write extends fc.Arbitrary<infer T> ? T : never;
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

export class ModelComparison {
  readonly #options: OpenOptions;
  readonly #fs: MemoryFileSystem = new MemoryFileSystem();
  readonly #snapshots: { snapshot: Snapshot; model: Model; nowMs: number; meta: string | undefined }[] = [];
  #db: Bitcask | undefined;
  #model: Model = new Map();
  #meta: string | undefined;
  #nowMs = 1000;
  #copies = 0;

  constructor(options: OpenOptions) {
    this.#options = {
      ...options,
      fileSystem: this.#fs,
      hashSeed: 1n,
      maxFileBytes: 4096,
      clock: () => this.#nowMs,
      merge: { auto: false, smallFileBytes: 1, includeDeadFraction: 0.3 },
    };
  }

  async run(steps: readonly Step[]): Promise<void> {
    this.#db = await Bitcask.open("/store", this.#options);
    for (const each of steps) {
      // oxlint-disable-next-line eslint/no-await-in-loop -- steps happen one after the other
      await this.#step(each);
      this.#compareSnapshots();
    }
    for (const { snapshot } of this.#snapshots) snapshot.release();
    await this.#compareAll(this.#db);
    await this.#db.close();
  }

  async #step(each: Step): Promise<void> {
    const db = this.#db!;
    switch (each.op) {
      case "writes":
        await Promise.all(each.writes.map((one) => this.#write(db, one)));
        break;
      case "get":
        await this.#compareKey(db, each.key);
        break;
      case "scan":
        if (this.#options.ordered === true) await this.#compareScan(db, each.range);
        break;
      case "merge":
        await Promise.all([
          db.merge({ force: each.force }),
          ...each.during.map((one) => this.#write(db, one)),
        ]);
        break;
      case "takeSnapshot":
        this.#snapshots.push({
          snapshot: db.snapshot(),
          model: new Map(this.#model),
          nowMs: this.#nowMs,
          meta: this.#meta,
        });
        break;
      case "releaseSnapshot":
        this.#snapshots.shift()?.snapshot.release();
        break;
      case "wait":
        this.#nowMs += each.ms;
        break;
      case "flush":
        assert.equal(asText(await db.flush()), this.#meta);
        break;
      case "reopen":
        await db.close();
        this.#snapshots.length = 0;
        this.#db = await Bitcask.open("/store", this.#options);
        await this.#compareAll(this.#db);
        break;
      case "checkpoint":
      case "export":
        await this.#compareCopy(db, each.op);
        break;
    }
  }

  /** The model changes when the call is made: that is the order in which the log has it. */
  async #write(db: Bitcask, one: Write): Promise<void> {
    const expiresAtMs = "ttlMs" in one && one.ttlMs !== undefined ? this.#nowMs + one.ttlMs : undefined;
    switch (one.op) {
      case "put": {
        const done = db.put(one.key, one.value, {
          sync: one.sync,
          ...(one.ttlMs !== undefined && { ttlMs: one.ttlMs }),
        });
        this.#model.set(one.key, { value: one.value, expiresAtMs });
        await done;
        break;
      }
      case "del": {
        const done = db.del(one.key);
        this.#model.delete(one.key);
        await done;
        break;
      }
      case "stream":
        // When its last record gets into the log is the stream's business, so nothing else may write meanwhile.
        await this.#writeStream(db, one.key, one.value);
        break;
      case "putIfAbsent": {
        const isFree = this.#visible(this.#model, one.key, this.#nowMs) === undefined;
        const done = db.put(one.key, one.value, { ifAbsent: true });
        if (isFree) this.#model.set(one.key, { value: one.value, expiresAtMs: undefined });
        if (isFree) await done;
        else await assert.rejects(done, { code: "CONDITION_FAILED", outcome: "not-applied" });
        break;
      }
      case "clear": {
        const done = db.clear({
          ...(one.gte !== undefined && { gte: one.gte }),
          ...(one.lt !== undefined && { lt: one.lt }),
        });
        for (const name of this.#model.keys()) if (isWithin(name, one)) this.#model.delete(name);
        await done;
        break;
      }
      case "batch":
        await this.#writeBatch(db, one);
        break;
    }
  }

  async #writeStream(db: Bitcask, name: string, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    const pieces = [bytes.subarray(0, 7), bytes.subarray(7)];
    const model = this.#model;
    await db.putStream(name, pieces, {
      // Asked for exactly when the record that makes the value visible is appended.
      get sync(): boolean {
        model.set(name, { value: text, expiresAtMs: undefined });
        return true;
      },
    });
  }

  async #writeBatch(db: Bitcask, one: Extract<Write, { op: "batch" }>): Promise<void> {
    const operations: BatchOperation[] = one.items.map(({ key: name, value: text }) =>
      text === undefined ? { type: "del", key: name } : { type: "put", key: name, value: text },
    );
    const options = one.meta === undefined ? {} : { meta: Buffer.from(one.meta) };
    const done = one.isSync ? db.batchSync(operations, options) : db.batch(operations, options);
    for (const { key: name, value: text } of one.items) {
      if (text === undefined) this.#model.delete(name);
      else this.#model.set(name, { value: text, expiresAtMs: undefined });
    }
    if (one.meta !== undefined) this.#meta = one.meta;
    await done;
  }

  #visible(model: Model, name: string, nowMs: number): string | undefined {
    const held = model.get(name);
    return held && (held.expiresAtMs === undefined || held.expiresAtMs > nowMs) ? held.value : undefined;
  }

  async #compareKey(db: Bitcask, name: string): Promise<void> {
    const expected = this.#visible(this.#model, name, this.#nowMs);
    assert.equal(asText(db.getSync(name)), expected);
    assert.equal(asText(await db.get(Buffer.from(name))), expected);
    assert.equal(db.has(name), expected !== undefined);
    assert.equal(
      (await db.getEntry(name))?.expiresAtMs,
      expected === undefined ? undefined : this.#model.get(name)?.expiresAtMs,
    );
  }

  async #compareScan(db: Bitcask, bounds: ScanBounds): Promise<void> {
    const options = Object.fromEntries(Object.entries(bounds).filter(([, bound]) => bound !== undefined));
    const found: [string, string][] = [];
    for await (const entry of db.entries(options)) found.push([entry.key.toString(), entry.value.toString()]);
    const names = [...this.#model.keys()]
      .filter((name) => this.#visible(this.#model, name, this.#nowMs) !== undefined && isWithin(name, bounds))
      .filter((name) =>
        Buffer.from(name)
          .toString("latin1")
          .startsWith(Buffer.from(String(bounds.prefix ?? "")).toString("latin1")),
      )
      .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    if (bounds.reverse === true) names.reverse();
    assert.deepEqual(
      found,
      names.slice(0, bounds.limit ?? names.length).map((name) => [name, this.#model.get(name)?.value]),
    );
  }

  async #compareAll(db: Bitcask): Promise<void> {
    const found = new Map<string, string>();
    for await (const entry of db.entries()) found.set(entry.key.toString(), entry.value.toString());
    assert.deepEqual(found, this.#all(this.#model, this.#nowMs));
    assert.equal(asText(db.lastMeta()), this.#meta);
  }

  #compareSnapshots(): void {
    for (const { snapshot, model, nowMs, meta } of this.#snapshots) {
      const found = new Map<string, string>();
      for (const entry of snapshot.entriesSync()) found.set(entry.key.toString(), entry.value.toString());
      assert.deepEqual(found, this.#all(model, nowMs));
      assert.equal(asText(snapshot.meta), meta);
      for (const name of ["k0", "k1", "k2"])
        assert.equal(asText(snapshot.getSync(name)), this.#visible(model, name, nowMs));
    }
  }

  #all(model: Model, nowMs: number): Map<string, string> {
    const all = new Map<string, string>();
    for (const name of model.keys()) {
      const text = this.#visible(model, name, nowMs);
      if (text !== undefined) all.set(name, text);
    }
    return all;
  }

  async #compareCopy(db: Bitcask, how: "checkpoint" | "export"): Promise<void> {
    const directory = `/copy-${this.#copies++}`;
    if (how === "checkpoint") await db.checkpoint(directory);
    const copy = await Bitcask.open(directory, this.#options);
    if (how === "export") await copy.importStream(db.exportStream());
    await this.#compareAll(copy);
    await copy.close();
  }
}

function isWithin(name: string, bounds: { gte?: unknown; lt?: unknown }): boolean {
  const bytes = Buffer.from(name);
  const isLow = typeof bounds.gte === "string" && Buffer.compare(bytes, Buffer.from(bounds.gte)) < 0;
  const isHigh = typeof bounds.lt === "string" && Buffer.compare(bytes, Buffer.from(bounds.lt)) >= 0;
  return !isLow && !isHigh;
}

function asText(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString();
}
