import assert from "node:assert/strict";

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { KeyHash } from "./key-hash.ts";
import type { Keydir, KeydirCursor, KeydirMode, KeydirSnapshot, KeyRange } from "./keydir.ts";
import { createKeydir, type KeydirParts } from "./off-heap-keydir.ts";
import type { RecordPlace } from "./record-place.ts";

/** Replay one failure with `TITAN_SEED=<seed> vitest run ...keydir.property`. */
const seed = Number(process.env["TITAN_SEED"] ?? Date.now() % 2 ** 31);
const runs = Number(process.env["TITAN_RUNS"] ?? 150);
// Printed so that a failure can be replayed even if the run is cut off.
console.log(`TITAN_SEED=${seed}`);

/** Keeps so few bits of the hash that nearly everything collides. */
class WeakHash implements KeyHash {
  high = 0;
  low = 0;
  readonly #routeBits: number;
  readonly #tagBits: number;

  constructor(routeBits: number, tagBits: number) {
    this.#routeBits = routeBits;
    this.#tagBits = tagBits;
  }

  update(bytes: Uint8Array, start: number, end: number): void {
    let hash = 17;
    for (const byte of bytes.subarray(start, end)) hash = Math.imul(hash ^ byte, 0x5bd1e995) ^ (hash >>> 13);
    this.high =
      this.#routeBits === 0 ? 0 : ((hash >>> (32 - this.#routeBits)) << (32 - this.#routeBits)) >>> 0;
    const mixed = Math.imul(hash, 0x9e3779b1);
    this.low = this.#tagBits === 0 ? 0 : ((mixed >>> (32 - this.#tagBits)) << (32 - this.#tagBits)) >>> 0;
  }
}

/** The data files of a store, as far as the keydir can see them: which key is at which place. */
class Files {
  readonly #keys = new Map<string, Uint8Array>();

  write(place: RecordPlace, key: Uint8Array): void {
    this.#keys.set(`${place.fileId}/${place.offset}/${place.size}`, key);
  }

  readonly readKey = (fileId: number, offset: number, size: number): Uint8Array => {
    const key = this.#keys.get(`${fileId}/${offset}/${size}`);
    if (key === undefined) throw new Error(`no record at ${fileId}/${offset}/${size}`);
    return key;
  };
}

function text(key: Uint8Array): string {
  return key.length > 1000 ? `~${key.length}~` : Buffer.from(key).toString("latin1");
}

/** Keys are bytes written as latin1. `~n~` stands for a long key, so that a counterexample stays readable. */
function bytesOf(key: string): Uint8Array {
  const long = /^~(\d+)~$/.exec(key);
  return long === null
    ? Uint8Array.from(Buffer.from(key, "latin1"))
    : new Uint8Array(Number(long[1])).fill(0x7e);
}

type Model = Map<string, RecordPlace>;

function placeOf(cursor: RecordPlace): RecordPlace {
  const { fileId, offset, size, seq, expiresAtMs } = cursor;
  return { fileId, offset, size, seq, expiresAtMs };
}

function placeAt(keydir: Keydir, entry: number): RecordPlace {
  return {
    fileId: keydir.fileIdAt(entry),
    offset: keydir.offsetAt(entry),
    size: keydir.sizeAt(entry),
    seq: keydir.seqAt(entry),
    expiresAtMs: keydir.expiresAtMsAt(entry),
  };
}

function compareKeys(a: string, b: string): number {
  return Buffer.compare(bytesOf(a), bytesOf(b));
}

function modelRange(model: Model, range: KeyRange): string[] {
  const inRange = (key: string): boolean =>
    (range.gt === undefined || compareKeys(key, text(range.gt)) > 0) &&
    (range.gte === undefined || compareKeys(key, text(range.gte)) >= 0) &&
    (range.lt === undefined || compareKeys(key, text(range.lt)) < 0) &&
    (range.lte === undefined || compareKeys(key, text(range.lte)) <= 0) &&
    (range.prefix === undefined ||
      text(bytesOf(key).subarray(0, range.prefix.length)) === text(range.prefix));
  const keys = [...model.keys()].filter((key) => inRange(key)).toSorted(compareKeys);
  if (range.reverse === true) keys.reverse();
  return keys.slice(0, range.limit);
}

function collect(cursor: KeydirCursor): [string, RecordPlace][] {
  const entries: [string, RecordPlace][] = [];
  while (cursor.next()) entries.push([text(cursor.key()), placeOf(cursor)]);
  return entries;
}

interface LiveSnapshot {
  readonly view: KeydirSnapshot;
  /** As the keys were, except that places follow relocations of records that are still current. */
  readonly model: Model;
  readonly cursor: KeydirCursor;
  readonly told: Map<string, RecordPlace>;
}

/** Runs operations on a keydir and on maps, and compares after each. */
class Comparison {
  readonly files = new Files();
  readonly model: Model = new Map();
  readonly snapshots: LiveSnapshot[] = [];
  readonly keydir: Keydir;
  #seq = 0;
  #offset = 0;

  constructor(mode: KeydirMode, ordered: boolean, parts: KeydirParts) {
    this.keydir = createKeydir({ mode, ordered, seed: 1n, readKey: this.files.readKey }, parts);
  }

  place(key: string, expiresAtMs: number, seq: number): RecordPlace {
    this.#offset += 2 ** 33 + 1;
    const place = {
      fileId: this.#seq % 7,
      offset: this.#offset % 2 ** 40,
      size: 4_000_000_000 + (this.#offset % 1000),
      seq,
      expiresAtMs,
    };
    this.files.write(place, bytesOf(key));
    return place;
  }

  set(key: string, expiresAtMs: number): void {
    const place = this.place(key, expiresAtMs, (this.#seq += 2 ** 31 + 3));
    const before = this.model.get(key);
    assert.equal(this.keydir.set(bytesOf(key), place), before !== undefined);
    if (before !== undefined) assert.deepEqual(this.keydir.replaced, before);
    this.model.set(key, place);
  }

  remove(key: string): void {
    const before = this.model.get(key);
    assert.equal(this.keydir.remove(bytesOf(key)), before !== undefined);
    if (before !== undefined) assert.deepEqual(this.keydir.replaced, before);
    this.model.delete(key);
  }

  relocate(key: string): void {
    const before = this.model.get(key);
    const place = this.place(key, before?.expiresAtMs ?? 0, before?.seq ?? 0);
    assert.equal(this.keydir.relocate(bytesOf(key), place), before !== undefined);
    if (before === undefined) return;
    this.model.set(key, place);
    for (const { model } of this.snapshots) if (model.get(key)?.seq === place.seq) model.set(key, place);
  }

  clear(): void {
    this.keydir.clear();
    this.model.clear();
  }

  takeSnapshot(): void {
    const view = this.keydir.snapshot();
    assert.equal(view.size, this.model.size);
    this.snapshots.push({ view, model: new Map(this.model), cursor: view.cursor(), told: new Map() });
  }

  releaseSnapshot(which: number): void {
    const [released] = this.snapshots.splice(which % Math.max(1, this.snapshots.length), 1);
    if (released === undefined) return;
    const { view, cursor } = released;
    this.checkSnapshot(released);
    view.release();
    view.release();
    assert.equal(cursor.next(), false);
  }

  /** Moves the open cursors a little, so that they are in the middle of things when something changes. */
  advanceCursors(steps: number): void {
    for (const { cursor, told, model } of this.snapshots) {
      for (let i = 0; i < steps && cursor.next(); i++) {
        const key = text(cursor.key());
        assert.equal(told.has(key), false);
        assert.equal(model.get(key)?.seq, cursor.seq);
        told.set(key, placeOf(cursor));
      }
    }
  }

  checkSnapshot({ view, model, cursor, told }: LiveSnapshot): void {
    assert.deepEqual(new Map(collect(view.cursor())), model);
    for (const [key, place] of model) assert.deepEqual(placeAt(this.keydir, view.find(bytesOf(key))), place);
    for (const key of this.model.keys()) assert.equal(view.find(bytesOf(key)) === -1, !model.has(key));
    if (view.ordered !== undefined)
      assert.deepEqual(
        collect(view.ordered.scan()).map(([key]) => key),
        modelRange(model, {}),
      );
    // The cursor opened at the beginning tells the rest: together every key once.
    for (const [key, place] of collect(cursor)) {
      assert.equal(told.has(key), false);
      assert.equal(model.get(key)?.seq, place.seq);
      told.set(key, place);
    }
    assert.deepEqual([...told.keys()].toSorted(compareKeys), [...model.keys()].toSorted(compareKeys));
  }

  checkAll(): void {
    assert.equal(this.keydir.size, this.model.size);
    for (const [key, place] of this.model) {
      const entry = this.keydir.find(bytesOf(key));
      assert.notEqual(entry, -1);
      assert.deepEqual(placeAt(this.keydir, entry), place);
      assert.equal(text(this.keydir.keyAt(entry)), key);
      assert.notEqual(this.keydir.candidate(bytesOf(key)), -1);
    }
    for (let fileId = 0; fileId < 8; fileId++) {
      const inFile = [...this.model.values()].filter((place) => place.fileId === fileId).length;
      assert.equal(this.keydir.liveKeysIn(fileId), inFile);
    }
    for (const snapshot of this.snapshots) this.checkSnapshot(snapshot);
  }
}

/** Few different keys, so that operations meet; some empty, some longer than a page of 4 KiB. */
const keys = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 90 }).map((n) => `key${n}`) },
  { weight: 3, arbitrary: fc.string({ maxLength: 3, unit: fc.constantFrom("a", "b", "\u00ff", "\u0000") }) },
  { weight: 1, arbitrary: fc.constantFrom("~4096~", "~5001~", "~20000~") },
);
const operations = fc.array(
  fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({
        do: fc.constant("set" as const),
        key: keys,
        expires: fc.constantFrom(0, 0, 0, 1, 2 ** 41 + 5),
      }),
    },
    { weight: 10, arbitrary: fc.record({ do: fc.constant("remove" as const), key: keys }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("relocate" as const), key: keys }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("snapshot" as const) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("release" as const), which: fc.nat(10) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("advance" as const), steps: fc.nat(40) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("clear" as const) }) },
  ),
  { minLength: 1, maxLength: 300, size: "max" },
);
type Operation = typeof operations extends fc.Arbitrary<(infer T)[]> ? T : never;

function apply(comparison: Comparison, operation: Operation): void {
  switch (operation.do) {
    case "set":
      return comparison.set(operation.key, operation.expires);
    case "remove":
      return comparison.remove(operation.key);
    case "relocate":
      return comparison.relocate(operation.key);
    case "snapshot":
      return comparison.takeSnapshot();
    case "release":
      return comparison.releaseSnapshot(operation.which);
    case "advance":
      return comparison.advanceCursors(operation.steps);
    case "clear":
      return comparison.clear();
  }
}

const tinySegments = { keysMax: 8, addressBits: 15 };
const cases: { name: string; mode: KeydirMode; ordered: boolean; parts: KeydirParts }[] = [
  { name: "full mode", mode: "full", ordered: false, parts: { limits: tinySegments } },
  {
    name: "full mode, every key in one slot",
    mode: "full",
    ordered: false,
    parts: { limits: tinySegments, hash: new WeakHash(0, 0) },
  },
  {
    name: "full mode, hash of 4 bits",
    mode: "full",
    ordered: true,
    parts: { limits: tinySegments, hash: new WeakHash(2, 2) },
  },
  { name: "full mode, ordered", mode: "full", ordered: true, parts: { limits: tinySegments } },
  {
    name: "fingerprint mode",
    mode: "fingerprint",
    ordered: false,
    parts: { limits: { keysMax: 8, addressBits: 12 } },
  },
  {
    name: "fingerprint mode, every key with the same fingerprint",
    mode: "fingerprint",
    ordered: false,
    parts: { limits: { keysMax: 8, addressBits: 12 }, hash: new WeakHash(0, 0) },
  },
  {
    name: "fingerprint mode, hash of 4 bits",
    mode: "fingerprint",
    ordered: false,
    parts: { limits: { keysMax: 8, addressBits: 12 }, hash: new WeakHash(2, 2) },
  },
];

describe.each(cases)("a keydir in $name", ({ mode, ordered, parts }) => {
  it(
    "agrees with a Map, and its snapshots with copies of the Map, after any operations",
    { timeout: 60_000 },
    () => {
      fc.assert(
        fc.property(operations, (list) => {
          const comparison = new Comparison(mode, ordered, parts);
          for (const operation of list) apply(comparison, operation);
          comparison.checkAll();
          while (comparison.snapshots.length > 0) comparison.releaseSnapshot(list.length);
          comparison.checkAll();
          expect(comparison.keydir.size).toBe(comparison.model.size);
        }),
        { numRuns: runs, seed },
      );
    },
  );
});

describe("an ordered keydir", () => {
  // Buffers, because their `slice` shares memory where that of other arrays copies.
  const bound = fc.option(
    keys.map((key) => Buffer.from(bytesOf(key))),
    { nil: undefined, freq: 2 },
  );
  const ranges = fc
    .record({
      gt: bound,
      gte: bound,
      lt: bound,
      lte: bound,
      prefix: fc.option(
        fc
          .constantFrom("k", "key1", "a", "\u00ff", "\u00ff\u00ff", "")
          .map((key) => Buffer.from(bytesOf(key))),
        { nil: undefined },
      ),
      reverse: fc.boolean(),
      limit: fc.option(fc.nat(20), { nil: undefined }),
    })
    .map(
      (range) =>
        Object.fromEntries(Object.entries(range).filter(([, value]) => value !== undefined)) as KeyRange,
    );

  it("tells the keys of any range as a sorted Map does, live and in a snapshot", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(operations, operations, ranges, (before, after, range) => {
        const comparison = new Comparison("full", true, { limits: tinySegments });
        for (const operation of before) apply(comparison, operation);
        const view = comparison.keydir.snapshot();
        const model = new Map(comparison.model);
        for (const operation of after) apply(comparison, operation);
        const told = collect(comparison.keydir.ordered!.scan(range)).map(([key]) => key);
        expect(told).toEqual(modelRange(comparison.model, range));
        expect(collect(view.ordered!.scan(range)).map(([key]) => key)).toEqual(modelRange(model, range));
      }),
      { numRuns: runs, seed },
    );
  });
});
