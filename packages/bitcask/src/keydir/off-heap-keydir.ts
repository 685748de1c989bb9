/** The keydir put together: a table of live keys, an undo log for snapshots, and the hash that serves both. */
import { BufferedCursor } from "./entry-buffer.ts";
import { FileRefs } from "./file-refs.ts";
import { HalfSipHash, type KeyHash } from "./key-hash.ts";
import {
  ANY_SEQ,
  type Keydir,
  type KeydirMode,
  type KeydirOptions,
  type KeydirSnapshot,
  type KeyRange,
  type OrderedKeys,
} from "./keydir.ts";
import { KeydirView } from "./keydir-view.ts";
import { OrderedIndex } from "./ordered-index.ts";
import { OrderedScan, type ScannedView } from "./ordered-scan.ts";
import { PagePool } from "./page-pool.ts";
import { KEY_BYTES_MAX, type MutablePlace, RecordHeap } from "./record-heap.ts";
import type { RecordPlace } from "./record-place.ts";
import { RecordTable } from "./record-table.ts";
import type { SegmentLimits } from "./segment.ts";
import { UndoLog } from "./undo-log.ts";

/**
 * A segment of 4,096 keys is split or compacted in less than a millisecond, and wastes less than one page in forty. Records of that many
 * keys of usual length fit within 2^16 words; what is left of a slot's 32 bits is the tag. Fingerprints need less room, so their tags are longer.
 */
const FULL_LIMITS: SegmentLimits = { keysMax: 4096, addressBits: 16 };
/** With every record that moves, a leaf is looked through: segments of half the size keep a split short. */
const ORDERED_LIMITS: SegmentLimits = { keysMax: 2048, addressBits: 16 };
const FINGERPRINT_LIMITS: SegmentLimits = { keysMax: 4096, addressBits: 15 };
const FILE_ID_LIMIT = 2 ** 32;
const OFFSET_LIMIT = 2 ** 40;
const SIZE_LIMIT = 2 ** 32;
const NUMBER_LIMIT = 2 ** 53;

/** What tests put in place of the real thing. */
export interface KeydirParts {
  /** Default: {@link HalfSipHash} with the seed. */
  readonly hash?: KeyHash;
  /** Default: see above. Small limits make a small test split and compact. */
  readonly limits?: SegmentLimits;
}

/** Makes an empty keydir. A `TypeError` for options that exclude each other. */
export function createKeydir(options: KeydirOptions, parts: KeydirParts = {}): Keydir {
  return new OffHeapKeydir(options, parts);
}

class OffHeapKeydir implements Keydir {
  readonly mode: KeydirMode;
  readonly ordered: OrderedKeys | undefined;
  readonly #replaced: MutablePlace = { fileId: 0, offset: 0, size: 0, seq: 0, expiresAtMs: 0 };
  readonly #hash: KeyHash;
  readonly #limits: SegmentLimits;
  readonly #pool = new PagePool();
  readonly #files = new FileRefs();
  readonly #heap: RecordHeap;
  readonly #undo: UndoLog;
  #table: RecordTable;
  #highestSeq = 0;

  constructor(options: KeydirOptions, parts: KeydirParts) {
    const { mode, ordered = false, readKey, seed, expectedKeys = 0 } = options;
    const isFull = mode === "full";
    if (!isFull && ordered)
      throw new TypeError("an ordered keydir needs its keys in memory: use the full mode");
    if (!isFull && readKey === undefined) throw new TypeError("a keydir of fingerprints needs readKey");
    this.mode = mode;
    this.#hash = parts.hash ?? new HalfSipHash(seed);
    this.#limits = parts.limits ?? (ordered ? ORDERED_LIMITS : isFull ? FULL_LIMITS : FINGERPRINT_LIMITS);
    this.#heap = new RecordHeap({
      pool: this.#pool,
      files: this.#files,
      ordered,
      readKey: isFull ? undefined : readKey,
    });
    this.#undo = new UndoLog(() => this.#makeTable(0));
    this.#table = this.#makeTable(expectedKeys);
    const live = this.#liveView();
    this.ordered = ordered
      ? { scan: (range: KeyRange = {}) => new BufferedCursor(this.#heap, new OrderedScan(live, range)) }
      : undefined;
  }

  get size(): number {
    return this.#table.size;
  }

  get bytes(): number {
    return this.#pool.heldBytes + this.#table.bookkeepingBytes + this.#undo.bookkeepingBytes;
  }

  get replaced(): RecordPlace {
    return this.#replaced;
  }

  find(key: Uint8Array, start = 0, end: number = key.length): number {
    this.#hash.update(key, start, end);
    return this.#table.locate(this.#hash, key, start, end);
  }

  candidate(key: Uint8Array, start = 0, end: number = key.length): number {
    this.#hash.update(key, start, end);
    if (this.#heap.keepsKeys) return this.#table.locate(this.#hash, key, start, end);
    return this.#table.firstWithFingerprint(this.#hash);
  }

  fileIdAt(entry: number): number {
    return this.#heap.fileIdAt(entry);
  }

  offsetAt(entry: number): number {
    return this.#heap.offsetAt(entry);
  }

  sizeAt(entry: number): number {
    return this.#heap.sizeAt(entry);
  }

  seqAt(entry: number): number {
    return this.#heap.seqAt(entry);
  }

  expiresAtMsAt(entry: number): number {
    return this.#heap.expiresAtMsAt(entry);
  }

  keyAt(entry: number): Uint8Array {
    return this.#heap.keyAt(entry);
  }

  set(key: Uint8Array, place: RecordPlace, start = 0, end: number = key.length): boolean {
    this.#checkWrite(place, end - start);
    const found = this.find(key, start, end);
    this.#write(found, key, place, start, end);
    return found !== -1;
  }

  setIfNewer(key: Uint8Array, place: RecordPlace, start = 0, end: number = key.length): boolean {
    this.#checkWrite(place, end - start);
    const found = this.find(key, start, end);
    if (found !== -1 && this.#heap.seqAt(found) >= place.seq) return false;
    this.#replaced.size = 0;
    this.#write(found, key, place, start, end);
    return true;
  }

  remove(key: Uint8Array, onlyIfSeq: number = ANY_SEQ, start = 0, end: number = key.length): boolean {
    const found = this.find(key, start, end);
    if (found === -1) return false;
    if (onlyIfSeq !== ANY_SEQ && this.#heap.seqAt(found) !== onlyIfSeq) return false;
    this.#heap.readPlace(found, this.#replaced);
    this.#undo.save(this.#table, found, this.#hash.low);
    this.#table.removeLocated();
    this.#undo.afterMutation();
    return true;
  }

  relocate(key: Uint8Array, place: RecordPlace, start = 0, end: number = key.length): boolean {
    checkPlace(place);
    const found = this.find(key, start, end);
    if (found === -1 || this.#heap.seqAt(found) !== place.seq) return false;
    this.#heap.readPlace(this.#table.prepareUpdate(this.#hash, place, key, start, end), this.#replaced);
    this.#table.updateLocated(this.#hash, place, key, start, end);
    return true;
  }

  clear(): void {
    const old = this.#table;
    this.#table = this.#makeTable(0);
    this.#undo.adopt(old);
  }

  liveKeysIn(fileId: number): number {
    return this.#table.fileCounts.of(this.#files.existing(fileId));
  }

  snapshot(): KeydirSnapshot {
    return new KeydirView({
      heap: this.#heap,
      hash: this.#hash,
      undo: this.#undo,
      table: () => this.#table,
      seq: this.#highestSeq,
    });
  }

  #checkWrite(place: RecordPlace, keyLength: number): void {
    checkPlace(place);
    if (!(keyLength >= 0 && keyLength <= KEY_BYTES_MAX)) {
      throw new RangeError(`a key has at most ${KEY_BYTES_MAX} bytes, not ${keyLength}`);
    }
    const { newest } = this.#undo;
    if (newest !== undefined && place.seq <= newest.seq) {
      throw new RangeError(
        `sequence number ${place.seq} is not above ${newest.seq}, which a live snapshot has seen`,
      );
    }
  }

  #write(found: number, key: Uint8Array, place: RecordPlace, start: number, end: number): void {
    if (found === -1) {
      this.#table.insert(this.#hash, place, key, start, end);
    } else {
      // What can fail comes before anything is saved: the undo log must not hold a record that is still current.
      const address = this.#table.prepareUpdate(this.#hash, place, key, start, end);
      this.#heap.readPlace(address, this.#replaced);
      this.#undo.save(this.#table, address, this.#hash.low);
      this.#table.updateLocated(this.#hash, place, key, start, end);
    }
    if (place.seq > this.#highestSeq) this.#highestSeq = place.seq;
    this.#undo.afterMutation();
  }

  #makeTable(expectedKeys: number): RecordTable {
    return new RecordTable({
      heap: this.#heap,
      limits: this.#limits,
      index: this.#heap.ordered ? new OrderedIndex(this.#pool, this.#heap) : undefined,
      expectedKeys,
    });
  }

  #liveView(): ScannedView {
    return {
      heap: this.#heap,
      closed: false,
      seq: Number.POSITIVE_INFINITY,
      tables: () => [this.#table],
    };
  }
}

function checkPlace(place: RecordPlace): void {
  const { fileId, offset, size, seq, expiresAtMs } = place;
  // Written so that NaN fails too.
  if (!(fileId >= 0 && fileId < FILE_ID_LIMIT)) throw outOfRange("fileId", fileId);
  if (!(offset >= 0 && offset < OFFSET_LIMIT)) throw outOfRange("offset", offset);
  if (!(size >= 0 && size < SIZE_LIMIT)) throw outOfRange("size", size);
  if (!(seq >= 0 && seq < NUMBER_LIMIT)) throw outOfRange("seq", seq);
  if (!(expiresAtMs >= 0 && expiresAtMs < NUMBER_LIMIT)) throw outOfRange("expiresAtMs", expiresAtMs);
}

function outOfRange(field: string, value: number): RangeError {
  return new RangeError(`${field} is out of range: ${value}`);
}
