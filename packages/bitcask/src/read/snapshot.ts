import { BitcaskError } from "../errors.ts";
import { bytesBeforeKey, flagsOf, valueStartOf } from "../format/record.ts";
import type { KeydirCursor, KeydirSnapshot, KeyRange } from "../keydir/keydir.ts";
import { iterationYieldEntries } from "../limits.ts";
import type { LiveState } from "../state/live-state.ts";
import { keyBytes } from "./key-encoder.ts";
import { Reader, type Entry } from "./reader.ts";
import type { RecordReader } from "./record-reader.ts";

/**
 * Which keys to visit, in byte order (unsigned, lexicographic). All bounds given must hold. Needs a store opened with
 * `ordered: true`, except that no bounds at all means every key, in no particular order.
 */
export interface ScanOptions {
  readonly gt?: string | Uint8Array;
  readonly gte?: string | Uint8Array;
  readonly lt?: string | Uint8Array;
  readonly lte?: string | Uint8Array;
  readonly prefix?: string | Uint8Array;
  /** From the highest key to the lowest. Default false. */
  readonly reverse?: boolean;
  /** At most that many entries. Default: no limit. */
  readonly limit?: number;
}

/** One visited key with its record's value. */
export interface ScanEntry extends Entry {
  readonly key: Buffer;
}

/** How many values an asynchronous iteration reads at a time. */
const readAhead = 64;

/**
 * The store as it was at one moment. Writers are not held up and nothing they do later is seen; what they replace is kept
 * until the snapshot is released, so release it (`using snapshot = db.snapshot()` does). Expiry is judged by the time at
 * which the snapshot was taken.
 */
export class Snapshot implements Disposable, AsyncDisposable {
  readonly #keys: KeydirSnapshot;
  readonly #records: RecordReader;
  readonly #reader: Reader;
  readonly #nowMs: number;
  readonly #releaseFiles: () => void;
  readonly #onRelease: (snapshot: Snapshot) => void;
  /** Metadata of the last batch in the snapshot that carried any. */
  readonly meta: Uint8Array | undefined;
  #released = false;

  /** Made by `Bitcask.snapshot()`. */
  constructor(init: {
    state: LiveState;
    records: RecordReader;
    nowMs: number;
    onRelease: (snapshot: Snapshot) => void;
  }) {
    const { state } = init;
    this.#records = init.records;
    this.#nowMs = init.nowMs;
    this.#onRelease = init.onRelease;
    this.#releaseFiles = state.retirement.hold();
    this.#keys = state.keydir.snapshot();
    this.meta = state.meta?.bytes;
    const keys = this.#keys;
    const find = (key: Uint8Array, start?: number, end?: number): number => keys.find(key, start, end);
    this.#reader = new Reader({
      state,
      records: init.records,
      index: { find, candidate: find },
      clock: () => init.nowMs,
    });
  }

  /** Number of keys, including those that have expired but were not merged away yet. */
  get size(): number {
    return this.#keys.size;
  }

  /** Sequence number of the last write that is in the snapshot. */
  get seq(): number {
    return this.#keys.seq;
  }

  has(key: string | Uint8Array): boolean {
    this.#refuseIfReleased();
    return this.#reader.has(key);
  }

  getSync(key: string | Uint8Array): Buffer | undefined {
    this.#refuseIfReleased();
    return this.#reader.getSync(key);
  }

  getEntrySync(key: string | Uint8Array): Entry | undefined {
    this.#refuseIfReleased();
    return this.#reader.getEntrySync(key);
  }

  async get(key: string | Uint8Array): Promise<Buffer | undefined> {
    this.#refuseIfReleased();
    return this.#reader.get(key);
  }

  /** A value in pieces; see `Bitcask.getStream`. */
  getStream(key: string | Uint8Array): AsyncGenerator<Buffer, void> {
    this.#refuseIfReleased();
    return this.#reader.getStream(key);
  }

  /** Keys without reading any value. Synchronous; a large store takes as long as it takes. */
  *keysSync(options: ScanOptions = {}): Generator<Buffer, void> {
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    const cursor = this.#cursor(options);
    while (left > 0 && cursor.next()) {
      if (this.#isExpired(cursor.expiresAtMs)) continue;
      left--;
      yield asBuffer(cursor.key());
      this.#refuseIfReleased();
    }
  }

  /** Keys that will expire, with the time at which they do, in no particular order. Reads no values. */
  *expiringKeysSync(): Generator<{ readonly key: Buffer; readonly expiresAtMs: number }, void> {
    const cursor = this.#cursor({});
    while (cursor.next()) {
      const { expiresAtMs } = cursor;
      if (expiresAtMs === 0 || this.#isExpired(expiresAtMs)) continue;
      yield { key: asBuffer(cursor.key()), expiresAtMs };
      this.#refuseIfReleased();
    }
  }

  /** Entries, each read with one synchronous call when the loop gets to it. */
  *entriesSync(options: ScanOptions = {}): Generator<ScanEntry, void> {
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    const cursor = this.#cursor(options);
    while (left > 0 && cursor.next()) {
      if (this.#isExpired(cursor.expiresAtMs)) continue;
      left--;
      const record = this.#records.readSync(cursor.fileId, cursor.offset, cursor.size);
      yield { key: keyOf(record), value: this.#reader.valueSync(record), ...this.#reader.attributes(record) };
      this.#refuseIfReleased();
    }
  }

  /** Keys without reading any value; lets the event loop run now and then. */
  async *keys(options: ScanOptions = {}): AsyncGenerator<Buffer, void> {
    let sinceYield = 0;
    for (const key of this.keysSync(options)) {
      yield key;
      if (++sinceYield % iterationYieldEntries === 0) await nextTurn();
    }
  }

  /** Entries, read asynchronously and a few ahead. */
  async *entries(options: ScanOptions = {}): AsyncGenerator<ScanEntry, void> {
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    const cursor = this.#cursor(options);
    while (left > 0) {
      const places: { fileId: number; offset: number; size: number }[] = [];
      while (places.length < readAhead && left > 0 && cursor.next()) {
        if (this.#isExpired(cursor.expiresAtMs)) continue;
        left--;
        places.push({ fileId: cursor.fileId, offset: cursor.offset, size: cursor.size });
      }
      if (places.length === 0) return;
      // oxlint-disable-next-line eslint/no-await-in-loop -- a bounded number of reads at a time
      const records = await Promise.all(places.map((place) => this.#records.read(place)));
      for (const record of records) {
        this.#refuseIfReleased();
        // oxlint-disable-next-line eslint/no-await-in-loop -- immediate unless the value was streamed
        const value = await this.#reader.value(record);
        yield { key: keyOf(record), value, ...this.#reader.attributes(record) };
      }
    }
  }

  async *values(options: ScanOptions = {}): AsyncGenerator<Buffer, void> {
    for await (const entry of this.entries(options)) yield entry.value;
  }

  /** Lets go of what only this snapshot kept. Calling it again does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#keys.release();
    this.#releaseFiles();
    this.#onRelease(this);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  #cursor(options: ScanOptions): KeydirCursor {
    this.#refuseIfReleased();
    const range = toKeyRange(options);
    if (this.#keys.ordered) return this.#keys.ordered.scan(range);
    const { limit: _limit, ...bounds } = options;
    if (Object.values(bounds).some((bound) => bound !== undefined && bound !== false)) {
      throw new BitcaskError(
        "NOT_ORDERED",
        "ranges, prefixes and reverse need a store opened with { ordered: true }",
      );
    }
    return this.#keys.cursor();
  }

  #isExpired(expiresAtMs: number): boolean {
    return expiresAtMs !== 0 && expiresAtMs <= this.#nowMs;
  }

  #refuseIfReleased(): void {
    if (this.#released)
      throw new BitcaskError("CLOSED", "the snapshot has been released, or its store closed");
  }
}

/** The limit is applied after expired keys were skipped, so it stays out of the keydir's hands. */
function toKeyRange(options: ScanOptions): KeyRange {
  const { gt, gte, lt, lte, prefix, reverse } = options;
  return {
    ...(gt !== undefined && { gt: keyBytes(gt) }),
    ...(gte !== undefined && { gte: keyBytes(gte) }),
    ...(lt !== undefined && { lt: keyBytes(lt) }),
    ...(lte !== undefined && { lte: keyBytes(lte) }),
    ...(prefix !== undefined && { prefix: keyBytes(prefix) }),
    ...(reverse === true && { reverse }),
  };
}

function keyOf(record: Buffer): Buffer {
  return record.subarray(bytesBeforeKey(flagsOf(record)), valueStartOf(record));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
