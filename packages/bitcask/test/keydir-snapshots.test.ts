/**
 * Snapshots of the keydir under everything that may happen meanwhile. Several are bugs that basho/bitcask had with its iterators,
 * which froze the hash table and collected changes beside it.
 */
import { describe, expect, it } from "vitest";

import type { Keydir, KeydirCursor } from "../src/keydir/keydir.ts";
import { createKeydir } from "../src/keydir/off-heap-keydir.ts";

const KEYS = 30_000;

const keyOf = (n: number): Buffer => Buffer.from(`key ${n}`);
const numberOf = (key: Uint8Array): number => Number(Buffer.from(key).toString().slice(4));

/** A keydir and a clock of sequence numbers; entry n begins with sequence number n + 1. */
class Store {
  readonly keydir: Keydir;
  seq = 0;

  constructor(ordered = false) {
    this.keydir = createKeydir({ mode: "full", ordered, seed: 8n });
    for (let n = 0; n < KEYS; n++) this.set(n);
  }

  set(n: number): void {
    this.seq++;
    this.keydir.set(keyOf(n), { fileId: 1, offset: n, size: 100, seq: this.seq, expiresAtMs: 0 });
  }
}

/** Sequence number by key of the entries that the cursor still tells; a key told twice is an error. */
function rest(cursor: KeydirCursor | undefined): Map<number, number> {
  const found = new Map<number, number>();
  while (cursor?.next() === true) {
    const n = numberOf(cursor.key());
    if (found.has(n)) throw new Error(`key ${n} was told twice`);
    found.set(n, cursor.seq);
  }
  return found;
}

const atFirst = new Map(Array.from({ length: KEYS }, (_, n) => [n, n + 1]));

describe("a snapshot of the keydir", () => {
  it("is one of any number, each with its own time (basho/bitcask #104: one iterator at a time)", () => {
    const store = new Store();
    const snapshots = Array.from({ length: 10 }, (_, round) => {
      const snapshot = store.keydir.snapshot();
      for (let n = round; n < KEYS; n += 10) store.set(n);
      return snapshot;
    });
    for (const [round, snapshot] of snapshots.entries()) {
      const seen = rest(snapshot.cursor());
      expect(seen.size).toBe(KEYS);
      const rewritten = [...seen.values()].filter((seq) => seq > KEYS).length;
      expect(rewritten).toBe((round * KEYS) / 10);
      expect(Math.max(...seen.values())).toBeLessThanOrEqual(snapshot.seq);
    }
  });

  it("misses no key that is overwritten or deleted while the cursor is under way (basho/bitcask #174)", () => {
    const store = new Store();
    const cursor = store.keydir.snapshot().cursor();
    const seen = new Map<number, number>();
    for (let i = 0; cursor.next(); i++) {
      const n = numberOf(cursor.key());
      expect(seen.has(n)).toBe(false);
      seen.set(n, cursor.seq);
      // Some that were told already, some that are still to come.
      store.set((i * 7919) % KEYS);
      store.keydir.remove(keyOf((i * 104_729) % KEYS));
    }
    expect(seen).toEqual(atFirst);
  });

  it("tells once what was there although the table grows tenfold meanwhile (basho/bitcask #177: frozen while growing)", () => {
    const store = new Store();
    const snapshot = store.keydir.snapshot();
    const cursor = snapshot.cursor();
    const seen = new Map<number, number>();
    for (let i = 0; cursor.next(); i++) {
      seen.set(numberOf(cursor.key()), cursor.seq);
      for (let j = 0; j < 10; j++) store.set(KEYS + i * 10 + j);
    }
    expect(seen).toEqual(atFirst);
    expect(store.keydir.size).toBe(KEYS * 11);
    expect(rest(snapshot.cursor())).toEqual(atFirst);
  });

  it("does not show a delete that came after it, nor the same key set again (basho/bitcask #180)", () => {
    const store = new Store();
    const snapshot = store.keydir.snapshot();
    const cursor = snapshot.cursor();
    for (let n = 0; n < KEYS; n++) store.keydir.remove(keyOf(n));
    expect(rest(snapshot.cursor())).toEqual(atFirst);
    for (let n = 0; n < KEYS; n++) store.set(n);
    for (let n = 0; n < KEYS; n += 2) store.keydir.remove(keyOf(n));
    expect(rest(cursor)).toEqual(atFirst);
    for (let n = 0; n < KEYS; n += 500) expect(store.keydir.seqAt(snapshot.find(keyOf(n)))).toBe(n + 1);
  });

  it("lets deletes that came before it stay deleted (basho/bitcask #216: iterators held deletes up)", () => {
    const store = new Store();
    const older = store.keydir.snapshot();
    for (let n = 0; n < KEYS; n += 2) store.keydir.remove(keyOf(n));
    const younger = store.keydir.snapshot();
    expect(store.keydir.size).toBe(KEYS / 2);
    expect(younger.size).toBe(KEYS / 2);
    expect(younger.find(keyOf(0))).toBe(-1);
    expect([...rest(younger.cursor()).keys()].every((n) => n % 2 === 1)).toBe(true);
    expect(rest(older.cursor())).toEqual(atFirst);
  });

  it("follows a record that a merge moves, and keeps the place of one that was replaced", () => {
    const store = new Store();
    const snapshot = store.keydir.snapshot();
    store.set(1);
    for (let n = 0; n < KEYS; n++) {
      store.keydir.relocate(keyOf(n), { fileId: 2, offset: n, size: 100, seq: n + 1, expiresAtMs: 0 });
    }
    const cursor = snapshot.cursor();
    while (cursor.next()) expect(cursor.fileId).toBe(numberOf(cursor.key()) === 1 ? 1 : 2);
    expect(store.keydir.fileIdAt(store.keydir.find(keyOf(1)))).toBe(1);
    expect(store.keydir.liveKeysIn(2)).toBe(KEYS - 1);
  });

  it("keeps its keys when all are cleared, and new ones do not show", () => {
    const store = new Store(true);
    const snapshot = store.keydir.snapshot();
    const cursor = snapshot.cursor();
    for (let i = 0; i < 100; i++) cursor.next();
    store.keydir.clear();
    expect(store.keydir.size).toBe(0);
    for (let n = 0; n < KEYS * 2; n += 3) store.set(n);
    expect(rest(cursor).size).toBe(KEYS - 100);
    expect(rest(snapshot.cursor())).toEqual(atFirst);
    expect(rest(snapshot.ordered?.scan())).toEqual(atFirst);
    expect(rest(store.keydir.snapshot().cursor()).size).toBe((KEYS * 2) / 3);
  });

  it("refuses a write with a sequence number that it would have to see", () => {
    const store = new Store();
    const snapshot = store.keydir.snapshot();
    const place = { fileId: 1, offset: 0, size: 1, seq: snapshot.seq, expiresAtMs: 0 };
    expect(() => store.keydir.set(keyOf(1), place)).toThrow(/live snapshot/);
    snapshot.release();
    expect(store.keydir.set(keyOf(1), place)).toBe(true);
  });

  it("ends with its cursors when it is released, also by using", () => {
    const store = new Store(true);
    let cursor: KeydirCursor | undefined;
    let scan: KeydirCursor | undefined;
    {
      using snapshot = store.keydir.snapshot();
      cursor = snapshot.cursor();
      scan = snapshot.ordered?.scan();
      expect([cursor.next(), scan?.next()]).toEqual([true, true]);
    }
    expect([cursor.next(), scan?.next()]).toEqual([false, false]);
  });

  it.each(["oldest first", "youngest first", "from the middle"])("frees what it held: %s", (order) => {
    const store = new Store(true);
    for (let n = 0; n < KEYS; n++) store.set(n);
    const before = store.keydir.bytes;
    const snapshots = Array.from({ length: 6 }, () => {
      const snapshot = store.keydir.snapshot();
      for (let n = 0; n < KEYS; n++) store.set(n);
      return snapshot;
    });
    expect(store.keydir.bytes).toBeGreaterThan(before * 3);
    if (order === "youngest first") snapshots.reverse();
    if (order === "from the middle") snapshots.sort((a, b) => (a.seq % 4) - (b.seq % 4));
    for (const snapshot of snapshots) snapshot.release();
    // One unused chunk of 2 MiB is kept, and the last ones may be partly used.
    expect(store.keydir.bytes).toBeLessThan(before + 3 * 2 ** 21);
  });

  it("held for long does not keep what only short ones beside it needed", () => {
    const store = new Store();
    const long = store.keydir.snapshot();
    for (let n = 0; n < KEYS; n++) store.set(n);
    let most = 0;
    for (let round = 0; round < 40; round++) {
      const short = store.keydir.snapshot();
      for (let n = 0; n < KEYS; n++) store.set(n);
      expect(short.size).toBe(KEYS);
      short.release();
      if (round === 5) most = store.keydir.bytes;
    }
    expect(store.keydir.bytes).toBeLessThan(most * 1.5);
    expect(rest(long.cursor())).toEqual(atFirst);
    long.release();
    expect(rest(store.keydir.snapshot().cursor()).size).toBe(KEYS);
  });

  it("is found in byte order too, as it was, by any number of walks", () => {
    const store = new Store(true);
    const snapshot = store.keydir.snapshot();
    const walk = snapshot.ordered?.scan({ prefix: Buffer.from("key 1") });
    const expected = [...atFirst.keys()]
      .map((n) => keyOf(n).toString())
      .filter((key) => key.startsWith("key 1"));
    const told: string[] = [];
    for (let i = 0; walk?.next() === true; i++) {
      told.push(Buffer.from(walk.key()).toString());
      store.keydir.remove(keyOf((i * 31) % KEYS));
      store.set(KEYS + i);
    }
    expect(told).toEqual(expected.toSorted((a, b) => (a < b ? -1 : 1)));
    expect([...rest(snapshot.ordered?.scan({ reverse: true, limit: 3 })).keys()]).toEqual([9999, 9998, 9997]);
  });
});
