/**
 * Cursors over entries. Records move and change while a cursor is open, so a cursor takes a batch of entries at one moment, copies what
 * it will tell about them, and fetches the next batch when that is used up.
 */
import type { KeydirCursor } from "./keydir.ts";
import type { RecordHeap } from "./record-heap.ts";

const FIELDS = 5;
const INITIAL_ENTRIES = 64;
const INITIAL_KEY_BYTES = 1024;

/** Copies of entries: places, and in full mode keys. */
export class EntryBuffer {
  count = 0;
  readonly heap: RecordHeap;
  #places = new Float64Array(INITIAL_ENTRIES * FIELDS);
  /** Key i ends here in `#keys`, and begins where key i - 1 ends. */
  #keyEnds = new Uint32Array(INITIAL_ENTRIES);
  #keys = new Uint8Array(INITIAL_KEY_BYTES);

  constructor(heap: RecordHeap) {
    this.heap = heap;
  }

  clear(): void {
    this.count = 0;
  }

  /** Copies the entry at the address. */
  add(address: number): void {
    const { heap } = this;
    const i = this.count++;
    if (i === this.#keyEnds.length) this.#growPlaces();
    const at = i * FIELDS;
    const places = this.#places;
    places[at] = heap.fileIdAt(address);
    places[at + 1] = heap.offsetAt(address);
    places[at + 2] = heap.sizeAt(address);
    places[at + 3] = heap.seqAt(address);
    places[at + 4] = heap.expiresAtMsAt(address);
    if (!heap.keepsKeys) return;
    const keyStart = i === 0 ? 0 : this.#keyEnds[i - 1]!;
    const keyEnd = keyStart + heap.keyLengthAt(address);
    if (keyEnd > this.#keys.length) this.#growKeys(keyEnd);
    heap.copyKey(address, this.#keys, keyStart);
    this.#keyEnds[i] = keyEnd;
  }

  /** Field of entry i, in the order of `RecordPlace`. */
  field(i: number, field: number): number {
    return this.#places[i * FIELDS + field]!;
  }

  /** Key of entry i: a fresh copy, or read in fingerprint mode. */
  key(i: number): Uint8Array {
    if (!this.heap.keepsKeys)
      return this.heap.readKeyOf(this.field(i, 0), this.field(i, 1), this.field(i, 2));
    return this.#keys.slice(i === 0 ? 0 : this.#keyEnds[i - 1]!, this.#keyEnds[i]);
  }

  #growPlaces(): void {
    const places = new Float64Array(this.#places.length * 2);
    places.set(this.#places);
    this.#places = places;
    const keyEnds = new Uint32Array(this.#keyEnds.length * 2);
    keyEnds.set(this.#keyEnds);
    this.#keyEnds = keyEnds;
  }

  #growKeys(bytes: number): void {
    const keys = new Uint8Array(Math.max(bytes, this.#keys.length * 2));
    keys.set(this.#keys);
    this.#keys = keys;
  }
}

/** Where a cursor gets its batches. */
export interface EntrySource {
  /** True once the entries may no longer be told. */
  readonly closed: boolean;
  /** Adds the next entries to the buffer, possibly none. False if there are no more after these. */
  fill(buffer: EntryBuffer): boolean;
}

/** A cursor that takes batches from a source. */
export class BufferedCursor implements KeydirCursor {
  readonly #buffer: EntryBuffer;
  readonly #source: EntrySource;
  #current = -1;
  #hasMore = true;

  constructor(heap: RecordHeap, source: EntrySource) {
    this.#buffer = new EntryBuffer(heap);
    this.#source = source;
  }

  get fileId(): number {
    return this.#buffer.field(this.#current, 0);
  }

  get offset(): number {
    return this.#buffer.field(this.#current, 1);
  }

  get size(): number {
    return this.#buffer.field(this.#current, 2);
  }

  get seq(): number {
    return this.#buffer.field(this.#current, 3);
  }

  get expiresAtMs(): number {
    return this.#buffer.field(this.#current, 4);
  }

  key(): Uint8Array {
    return this.#buffer.key(this.#current);
  }

  next(): boolean {
    if (this.#source.closed) return false;
    this.#current++;
    while (this.#current >= this.#buffer.count) {
      if (!this.#hasMore) return false;
      this.#buffer.clear();
      this.#current = 0;
      this.#hasMore = this.#source.fill(this.#buffer);
    }
    return true;
  }
}
