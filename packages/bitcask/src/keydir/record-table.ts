/**
 * A hash table of records that grows without a pause.
 *
 * The problem: a hash table that doubles moves every key at once, which at ten million keys takes seconds. Here the table is a directory
 * of segments of a few thousand keys (extendible hashing: Fagin, Nievergelt, Pippenger and Strong, 1979). The upper bits of the hash choose the
 * segment; a full segment splits into two by the next bit, and nothing else moves. Only the directory doubles, and it has
 * one entry for thousands of keys.
 *
 * A table holds each key at most once. The keydir has one for the live keys, and one for each live snapshot that has seen changes.
 */
import { FileCounts } from "./file-refs.ts";
import type { KeyHash } from "./key-hash.ts";
import type { OrderedIndex } from "./ordered-index.ts";
import { PAGE_WORDS, PAGE_WORDS_LOG2 } from "./page-pool.ts";
import { type RecordHeap, ROUTE_BITS, ROUTE_SHIFT } from "./record-heap.ts";
import type { RecordPlace } from "./record-place.ts";
import { homeOf, Segment, type SegmentLimits } from "./segment.ts";

/** Segments that `expectedKeys` asks for are filled to this part: the hash does not spread keys evenly to the last one. */
const EXPECTED_FILL = 0.7;

/** What a table is made of. */
export interface RecordTableOptions {
  readonly heap: RecordHeap;
  readonly limits: SegmentLimits;
  readonly index: OrderedIndex | undefined;
  /** Keys to make room for at once. Default 0. */
  readonly expectedKeys?: number;
}

/** Records by key. Keys are given with their hash, so that one hash serves several tables. */
export class RecordTable {
  readonly heap: RecordHeap;
  readonly index: OrderedIndex | undefined;
  readonly fileCounts: FileCounts = new FileCounts();
  size = 0;
  readonly #limits: SegmentLimits;
  /** `2^directoryDepth` entries; a segment of less depth has several in a row. */
  #directory: Segment[];
  #directoryDepth: number;
  /** Segments of a dropped table that still hold memory. */
  #dropped: Segment[] = [];
  /** Where the last successful {@link locate} found its record. */
  #segment: Segment;
  #slot = 0;

  constructor(options: RecordTableOptions) {
    const { heap, limits, index, expectedKeys = 0 } = options;
    this.heap = heap;
    this.index = index;
    this.#limits = limits;
    const segmentsWanted = expectedKeys / (limits.keysMax * EXPECTED_FILL);
    const depth = Math.min(ROUTE_BITS, Math.max(0, Math.ceil(Math.log2(segmentsWanted))));
    const keysEach = expectedKeys / 2 ** depth;
    this.#directoryDepth = depth;
    this.#directory = Array.from(
      { length: 2 ** depth },
      (_, prefix) => new Segment(heap, depth, prefix, limits, keysEach),
    );
    this.#segment = this.#directory[0]!;
    heap.files.register(this.fileCounts);
  }

  /** Bytes held besides pages of the pool. */
  get bookkeepingBytes(): number {
    let bytes = this.fileCounts.counts.byteLength;
    for (const segment of this.segments()) bytes += segment.bookkeepingBytes;
    for (const segment of this.#dropped) bytes += segment.bookkeepingBytes;
    return bytes;
  }

  /** The segment that owns the route. */
  segmentOf(route: number): Segment {
    return this.#directory[route >>> (ROUTE_BITS - this.#directoryDepth)]!;
  }

  /** Address of the key's record, or -1. In fingerprint mode this reads the records that look right. */
  locate(hash: KeyHash, key: Uint8Array, start: number, end: number): number {
    const route = hash.high >>> ROUTE_SHIFT;
    const segment = this.segmentOf(route);
    const { slots, addressBits, heap } = segment;
    const addressMask = (1 << addressBits) - 1;
    const tag = hash.low >>> addressBits;
    let slot = homeOf(tag, addressBits, slots.length);
    for (;;) {
      const word = slots[slot]!;
      if (word === 0) return -1;
      if (word >>> addressBits === tag) {
        const local = word & addressMask;
        const page = segment.pages[local >>> PAGE_WORDS_LOG2]!;
        const address = ((page << PAGE_WORDS_LOG2) | (local & (PAGE_WORDS - 1))) >>> 0;
        if (heap.matches(address, route, key, start, end)) {
          this.#segment = segment;
          this.#slot = slot;
          return address;
        }
      }
      slot = slot + 1 === slots.length ? 0 : slot + 1;
    }
  }

  /** Address of the first record with the hash's fingerprint, or -1. Reads nothing. */
  firstWithFingerprint(hash: KeyHash): number {
    const route = hash.high >>> ROUTE_SHIFT;
    const segment = this.segmentOf(route);
    const { slots, addressBits } = segment;
    const tag = hash.low >>> addressBits;
    for (let slot = homeOf(tag, addressBits, slots.length); slots[slot] !== 0;) {
      if (slots[slot]! >>> addressBits === tag) {
        const address = segment.addressIn(slot);
        if (this.heap.routeAt(address) === route) return address;
      }
      slot = slot + 1 === slots.length ? 0 : slot + 1;
    }
    return -1;
  }

  /** Adds a key that the table does not hold. */
  insert(hash: KeyHash, place: RecordPlace, key: Uint8Array, start: number, end: number): void {
    const { heap } = this;
    const route = hash.high >>> ROUTE_SHIFT;
    const fileRef = heap.files.refOf(place.fileId);
    const words = heap.wordsFor(end - start, place.expiresAtMs !== 0);
    const address = this.#roomFor(route, words).add(hash.low, words);
    heap.writePlace(address, route, fileRef, place);
    if (heap.keepsKeys) heap.writeKey(address, key, start, end);
    this.#added(address, fileRef);
  }

  /**
   * Adds a copy of another table's record, whose key this table does not hold. The lowest `unknownBits` of `hashLow` may be wrong:
   * a record that comes from a slot has only as much of its hash as the tag kept.
   */
  insertCopy(from: number, hashLow: number, unknownBits: number): void {
    const { heap } = this;
    const words = heap.wordsAt(from);
    const segment = this.#roomFor(heap.routeAt(from), words);
    segment.widenAddresses(unknownBits);
    const address = segment.add(hashLow, words);
    heap.pool.copyWords(from, address, words);
    this.#added(address, heap.fileRefAt(from));
  }

  /**
   * Takes the memory that {@link updateLocated} will need for that place. Returns the address of the record that {@link locate} has just
   * found, which may be another than before.
   */
  prepareUpdate(hash: KeyHash, place: RecordPlace, key: Uint8Array, start: number, end: number): number {
    const { heap } = this;
    heap.files.refOf(place.fileId);
    const address = this.#segment.addressIn(this.#slot);
    const expires = place.expiresAtMs !== 0;
    if (heap.hasExpiry(address) === expires) return address;
    const words = heap.wordsFor(end - start, expires);
    this.#roomFor(hash.high >>> ROUTE_SHIFT, words).reserve(words);
    return this.locate(hash, key, start, end);
  }

  /** Gives the record that {@link locate} has just found a new place, for which {@link prepareUpdate} has been called. Cannot fail. */
  updateLocated(hash: KeyHash, place: RecordPlace, key: Uint8Array, start: number, end: number): void {
    const { heap } = this;
    const fileRef = heap.files.refOf(place.fileId);
    const expires = place.expiresAtMs !== 0;
    const old = this.#segment.addressIn(this.#slot);
    const oldFileRef = heap.fileRefAt(old);
    let address = old;
    const isReshaped = heap.hasExpiry(old) !== expires;
    if (isReshaped) address = this.#segment.resizeRecord(this.#slot, heap.wordsFor(end - start, expires));
    heap.writePlace(address, hash.high >>> ROUTE_SHIFT, fileRef, place);
    if (isReshaped) {
      if (heap.keepsKeys) heap.writeKey(address, key, start, end);
      this.index?.moved(old, address);
    }
    if (fileRef === oldFileRef) return;
    this.fileCounts.add(fileRef);
    this.fileCounts.subtract(oldFileRef);
  }

  /** Removes the record that {@link locate} has just found. */
  removeLocated(): void {
    const segment = this.#segment;
    const address = segment.addressIn(this.#slot);
    this.fileCounts.subtract(this.heap.fileRefAt(address));
    this.index?.remove(address);
    segment.remove(this.#slot);
    this.size--;
    if (segment.shouldShrink()) this.#compact(segment);
  }

  /** Removes all records of a segment of this table. */
  removeAllIn(segment: Segment): void {
    for (const slot of segment.usedSlots()) {
      const address = segment.addressIn(slot);
      this.fileCounts.subtract(this.heap.fileRefAt(address));
      this.index?.remove(address);
    }
    this.size -= segment.count;
    segment.clear();
  }

  /** All segments, by route. */
  *segments(): Generator<Segment> {
    for (let i = 0; i < this.#directory.length;) {
      const segment = this.#directory[i]!;
      yield segment;
      i += 2 ** (this.#directoryDepth - segment.depth);
    }
  }

  /** Takes the table out of use; {@link dropSegments} gives its memory back. Nothing else may be called from now on. */
  drop(): void {
    this.index?.drop();
    this.heap.files.unregister(this.fileCounts);
    this.size = 0;
    this.#dropped = [...this.segments()];
    this.#directory = [];
  }

  /** Gives back the memory of up to that many segments of a dropped table; false when none are left. */
  dropSegments(segmentsMax: number): boolean {
    for (const segment of this.#dropped.splice(-segmentsMax)) segment.releaseAll();
    return this.#dropped.length > 0;
  }

  #added(address: number, fileRef: number): void {
    this.fileCounts.add(fileRef);
    this.size++;
    this.index?.insert(address);
  }

  /** The segment that owns the route, after making room in it for one more record of that many words. */
  #roomFor(route: number, words: number): Segment {
    let segment = this.segmentOf(route);
    while (!segment.room(words)) {
      if (segment.count < segment.keysMax && segment.isFragmented()) this.#compact(segment);
      else if (segment.depth === ROUTE_BITS || segment.hasOneRoute()) segment.raiseLimits(words);
      else this.#split(segment);
      segment = this.segmentOf(route);
    }
    if (!segment.shouldCompactBefore(words)) return segment;
    this.#compact(segment);
    return this.segmentOf(route);
  }

  /** Moves the live records to a fresh arena. */
  #compact(segment: Segment): void {
    const fresh = new Segment(this.heap, segment.depth, segment.prefix, segment, segment.count);
    this.#moveRecords(segment, fresh, fresh);
  }

  /** Replaces the segment by two that own half of its routes each. */
  #split(segment: Segment): void {
    if (segment.depth === this.#directoryDepth) {
      this.#directory = this.#directory.flatMap((entry) => [entry, entry]);
      this.#directoryDepth++;
    }
    const limits = { keysMax: this.#limits.keysMax, addressBits: segment.addressBits };
    const depth = segment.depth + 1;
    const half = segment.count / 2;
    const lower = new Segment(this.heap, depth, segment.prefix * 2, limits, half);
    const upper = new Segment(this.heap, depth, segment.prefix * 2 + 1, limits, half);
    this.#moveRecords(segment, lower, upper);
  }

  /** Moves all records of a segment to the two that take its place, which may be one and the same, and frees it. */
  #moveRecords(segment: Segment, lower: Segment, upper: Segment): void {
    const upperFirstRoute = upper.firstRoute;
    const { slots } = segment;
    for (let slot = 0; slot < slots.length; slot++) {
      if (slots[slot] === 0) continue;
      const from = segment.addressIn(slot);
      const to = segment.copyTo(this.heap.routeAt(from) < upperFirstRoute ? lower : upper, slot);
      this.index?.moved(from, to);
    }
    this.#enter(lower);
    this.#enter(upper);
    segment.releaseAll();
  }

  #enter(segment: Segment): void {
    const span = 2 ** (this.#directoryDepth - segment.depth);
    this.#directory.fill(segment, segment.prefix * span, (segment.prefix + 1) * span);
  }
}
