/**
 * Walks over keys in byte order, in batches: each batch finds its place again by the last key that was told, so that anything may
 * happen to the tables between two batches. A walk over a snapshot merges the main table's order with that of the tables of saved records.
 */
import type { EntryBuffer, EntrySource } from "./entry-buffer.ts";
import { boundsOf, compareBytes, type KeyBounds } from "./key-range.ts";
import type { KeyRange } from "./keydir.ts";
import type { OrderedIndex } from "./ordered-index.ts";
import type { RecordHeap } from "./record-heap.ts";
import type { RecordTable } from "./record-table.ts";

/** Keys looked at for one batch, visible or not: bounds how long the caller of `next` waits. */
const KEYS_PER_BATCH = 128;
const NO_RECORD = -1;
const NO_BYTES = new Uint8Array(0);

/** What a walk runs over. */
export interface ScannedView {
  readonly heap: RecordHeap;
  /** True once the view has been released. */
  readonly closed: boolean;
  /** Records with a higher sequence number are passed over. */
  readonly seq: number;
  /** The tables of the view at this moment. */
  tables(): Iterable<RecordTable>;
}

/** Entries of a view in a range, for a cursor. */
export class OrderedScan implements EntrySource {
  readonly #view: ScannedView;
  readonly #bounds: KeyBounds;
  readonly #reverse: boolean;
  #remaining: number;
  /** The last key looked at is `#key[0, #keyLength)`; -1 before the first. */
  #key = new Uint8Array(64);
  #keyLength = -1;

  constructor(view: ScannedView, range: KeyRange) {
    const { reverse = false, limit = Number.POSITIVE_INFINITY } = range;
    if (!(limit >= 0)) throw new RangeError(`limit must be a number from 0 on, not ${limit}`);
    this.#view = view;
    this.#bounds = boundsOf(range);
    this.#reverse = reverse;
    this.#remaining = limit;
  }

  get closed(): boolean {
    return this.#view.closed;
  }

  fill(buffer: EntryBuffer): boolean {
    const indexes: OrderedIndex[] = [];
    for (const table of this.#view.tables()) if (table.index !== undefined) indexes.push(table.index);
    const heads = indexes.map((index) => (this.#seek(index) ? index.current() : NO_RECORD));

    for (let looked = 0; looked < KEYS_PER_BATCH; looked++) {
      if (this.#remaining <= 0 || !this.#takeNextKey(heads) || this.#isPastEnd()) return false;
      for (let i = 0; i < heads.length; i++) {
        const address = heads[i]!;
        if (address === NO_RECORD || this.#compareWithKey(address) !== 0) continue;
        if (this.#view.heap.seqAt(address) <= this.#view.seq) {
          buffer.add(address);
          this.#remaining--;
        }
        const index = indexes[i]!;
        const moved = this.#reverse ? index.backward() : index.forward();
        heads[i] = moved ? index.current() : NO_RECORD;
      }
    }
    return true;
  }

  /** Moves the index to the first key of the walk that has not been looked at. */
  #seek(index: OrderedIndex): boolean {
    const { lower, lowerExclusive, upper, upperExclusive } = this.#bounds;
    if (this.#keyLength >= 0) {
      return this.#reverse
        ? index.seekBefore(this.#key, this.#keyLength, false)
        : index.seek(this.#key, this.#keyLength, true);
    }
    if (!this.#reverse) return index.seek(lower ?? NO_BYTES, lower?.length ?? 0, lowerExclusive);
    return upper === undefined ? index.seekLast() : index.seekBefore(upper, upper.length, !upperExclusive);
  }

  /** Copies the next key in the direction of the walk to `#key`; false if there is none. */
  #takeNextKey(heads: readonly number[]): boolean {
    let taken = NO_RECORD;
    for (const address of heads) {
      if (address === NO_RECORD) continue;
      if (taken !== NO_RECORD) {
        const order = this.#compareWithKey(address);
        if (this.#reverse ? order >= 0 : order <= 0) continue;
      }
      taken = address;
      this.#keyLength = this.#view.heap.keyLengthAt(address);
      if (this.#keyLength > this.#key.length) this.#key = new Uint8Array(this.#keyLength * 2);
      this.#view.heap.copyKey(address, this.#key, 0);
    }
    return taken !== NO_RECORD;
  }

  /** Order of `#key` and the record's key. */
  #compareWithKey(address: number): number {
    return this.#view.heap.compareKey(address, this.#key, 0, this.#keyLength);
  }

  #isPastEnd(): boolean {
    const { lower, lowerExclusive, upper, upperExclusive } = this.#bounds;
    const bound = this.#reverse ? lower : upper;
    if (bound === undefined) return false;
    const exclusive = this.#reverse ? lowerExclusive : upperExclusive;
    const order = compareBytes(this.#key.subarray(0, this.#keyLength), bound);
    if (order === 0) return exclusive;
    return this.#reverse ? order < 0 : order > 0;
  }
}
