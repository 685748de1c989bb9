/**
 * The keydir: for every live key, the place of its newest record.
 *
 * A JS `Map` costs more than 100 bytes a key on the heap that the garbage collector walks, and stops at 2^24 keys. This one
 * lives in typed arrays outside the heap: no object per key, no pause while it grows, a bounded number of bytes per key.
 * Everything is synchronous. Nothing here does I/O, except that fingerprint mode asks `readKey` for the key of a record.
 */
import type { RecordPlace } from "./record-place.ts";

/** Passed instead of a sequence number: whatever the sequence number is. */
export const ANY_SEQ = -1;

/**
 * How keys are kept. `full` holds every key's bytes; `fingerprint` holds a few bits of their hash, and checks the key by reading
 * the record, so that a collision costs a read and can never mix up two keys.
 */
export type KeydirMode = "full" | "fingerprint";

/**
 * Reads the key out of the record at that place. Only called in fingerprint mode. May throw: the call that needed it (`find`,
 * `set`, `remove`, `relocate`, `keyAt`) then throws the same error and has changed nothing. The bytes are used at once and not kept. It must
 * not call the keydir.
 */
export type ReadKey = (fileId: number, offset: number, size: number) => Uint8Array;

/** How to make a keydir. */
export interface KeydirOptions {
  readonly mode: KeydirMode;
  /** Keep the keys in byte order too, for ranges and prefixes: about 10 bytes a key more, and slower inserts. Full mode only. Default false. */
  readonly ordered?: boolean;
  /** Secret of the hash, 64 bits drawn at random for each open, so that nobody outside can prepare keys that collide. */
  readonly seed: bigint;
  /** Required in fingerprint mode. */
  readonly readKey?: ReadKey;
  /** Size the table for that many keys at once, when the number is known (opening from hint files). Default 0: grow as needed. */
  readonly expectedKeys?: number;
}

/**
 * An in-memory map from key bytes to {@link RecordPlace}.
 *
 * A key is `bytes[start, end)`; `start` defaults to 0 and `end` to the length, so a caller that encodes strings into one scratch
 * buffer needs no view. Keys are at most 65,535 bytes; the empty key is a key. The keydir copies what it keeps.
 *
 * An *entry number* names a live entry for the accessors; it is valid until the next mutation (`set`, `remove`, `relocate`, `clear`).
 */
export interface Keydir {
  readonly mode: KeydirMode;
  /** Number of live keys. */
  readonly size: number;
  /** Bytes of memory held outside the JS heap, live snapshots and spare capacity included. */
  readonly bytes: number;

  /**
   * Entry number of a key, or -1. Allocates nothing. In fingerprint mode this reads the record of every entry that looks like the
   * key (nearly always exactly one for a key that exists, none for one that does not).
   */
  find(key: Uint8Array, start?: number, end?: number): number;
  /**
   * First entry that may belong to the key, or -1 if there is certainly none. No I/O. In full mode this is `find`. In fingerprint mode
   * a `get` uses this, reads the record, which it wants anyway, and compares the key; only if it differs it asks `find`.
   */
  candidate(key: Uint8Array, start?: number, end?: number): number;

  fileIdAt(entry: number): number;
  offsetAt(entry: number): number;
  sizeAt(entry: number): number;
  seqAt(entry: number): number;
  expiresAtMsAt(entry: number): number;
  /** The key's bytes: a fresh copy in full mode, what `readKey` returned in fingerprint mode. */
  keyAt(entry: number): Uint8Array;

  /**
   * Points the key at a new place. True if the key was there before: {@link replaced} then tells its former place.
   * In fingerprint mode overwriting a key reads its former record. While a snapshot is live, `place.seq` must be higher than
   * every sequence number set before the snapshot; a lower one is a `RangeError`.
   */
  set(key: Uint8Array, place: RecordPlace, start?: number, end?: number): boolean;
  /** Like `set`, but does nothing when the key's entry has the same or a higher sequence number. For loading files in any order. True if the place was taken. {@link replaced} is filled as by `set`; its `size` is 0 if the key was new. */
  setIfNewer(key: Uint8Array, place: RecordPlace, start?: number, end?: number): boolean;
  /** Forgets the key. True if it was there (and, when given, had the sequence number `onlyIfSeq`): {@link replaced} tells its former place. */
  remove(key: Uint8Array, onlyIfSeq?: number, start?: number, end?: number): boolean;
  /**
   * A merge has copied the record: if the key's entry still has the sequence number `place.seq`, it now points at `place`. True if it did:
   * {@link replaced} tells its former place. Snapshots see the new place too (the record is the same), see {@link KeydirSnapshot}.
   */
  relocate(key: Uint8Array, place: RecordPlace, start?: number, end?: number): boolean;
  /** Forgets every key in constant time; live snapshots keep theirs. */
  clear(): void;

  /** Former place of the key in the last `set`, `setIfNewer`, `remove` or `relocate` that returned true; overwritten by the next. The same object always. */
  readonly replaced: RecordPlace;

  /** Number of live keys whose record is in that file. */
  liveKeysIn(fileId: number): number;

  /** A view of all keys as they are now, made in constant time. Release it: while it lives, replaced entries are kept. */
  snapshot(): KeydirSnapshot;

  /** Keys in byte order, if asked for at creation. */
  readonly ordered: OrderedKeys | undefined;
}

/**
 * All keys as they were at one moment. Writers are never blocked, and nothing they do later is seen.
 *
 * Rule for files: a snapshot (or one of its cursors) may name any place that was current at some moment of the snapshot's life. So a data
 * file that stops being current may be deleted when all snapshots that were live at that moment have been released, and not before.
 */
export interface KeydirSnapshot extends Disposable {
  /** Number of keys in the snapshot. */
  readonly size: number;
  /** Highest sequence number set before the snapshot was taken; 0 if none. */
  readonly seq: number;
  /** As {@link Keydir.find}, at the time of the snapshot; the keydir's accessors take the answer, until the next mutation. */
  find(key: Uint8Array, start?: number, end?: number): number;
  /** Iterates over all entries, in no particular order. Mutations between two calls of `next` are fine. */
  cursor(): KeydirCursor;
  /** Keys of the snapshot in byte order, if the keydir is ordered. */
  readonly ordered: OrderedKeys | undefined;
  /** Frees what only this snapshot held. Its cursors end. Calling it again does nothing. */
  release(): void;
}

/** Walks over entries. The fields describe the entry that the last `next()` moved to, and are meaningful only after it returned true. */
export interface KeydirCursor extends RecordPlace {
  /** Moves to the next entry; false at the end, and when the snapshot has been released. */
  next(): boolean;
  /** The entry's key: a fresh copy, or what `readKey` returned in fingerprint mode. */
  key(): Uint8Array;
}

/** Bounds of a walk in byte order (unsigned, lexicographic; a prefix sorts before what it begins). All that are given must hold. */
export interface KeyRange {
  readonly gt?: Uint8Array;
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
  readonly prefix?: Uint8Array;
  /** From the highest key to the lowest. Default false. */
  readonly reverse?: boolean;
  /** At most that many entries. Default: no limit. */
  readonly limit?: number;
}

/** Keys in byte order. */
export interface OrderedKeys {
  /**
   * Walks over the entries in the range. Of a snapshot: exactly the keys of that moment. Of the keydir itself: every key that is there
   * during the whole walk exactly once, and of those set or removed meanwhile some.
   */
  scan(range?: KeyRange): KeydirCursor;
}
