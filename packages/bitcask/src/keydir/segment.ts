/**
 * A segment: the part of the table whose keys share the first bits of their route. It has its own slots and its own records, and
 * can be copied as a whole within a fraction of a millisecond; growing, splitting and compaction are just that.
 *
 * The slots are an open-addressed hash table with linear probing. A slot is one word: a *tag* above, the record's local address below, 0 if
 * empty. The tag is the upper bits of the lower hash, and the place where the probe starts is the tag scaled to the number of slots. So slots
 * can be moved and resized without looking at a record, and a probe looks at a record only if its tag is right.
 */
import { Arena } from "./arena.ts";
import { PAGE_WORDS } from "./page-pool.ts";
import { ROUTE_BITS, type RecordHeap } from "./record-heap.ts";

const INITIAL_SLOTS = 16;
/** Below this many slots capacity doubles; above, it grows by a quarter, to waste little. */
const DOUBLING_SLOTS_MAX = 256;
/** Slots are at most 5/6 full: a probe for a missing key then looks at about 18 neighbouring words. */
const LOAD_NUMERATOR = 5;
const LOAD_DENOMINATOR = 6;
/** Local addresses never take more than this: four bits are left for the tag. */
const ADDRESS_BITS_MAX = 28;

/** What bounds a segment. */
export interface SegmentLimits {
  /** Keys at which a segment splits. */
  readonly keysMax: number;
  /** `2^addressBits` words of records, at most, before it splits. */
  readonly addressBits: number;
}

/**
 * Slot at which the probe for a tag starts: the tag as a fraction of all tags, times the number of slots. The product stays below 2^32,
 * since a segment has fewer slots than addresses.
 */
export function homeOf(tag: number, addressBits: number, slotCount: number): number {
  return Math.imul(tag, slotCount) >>> (32 - addressBits);
}

/** One part of a table. Fields are for the table's inner loop; only methods change them. */
export class Segment extends Arena {
  readonly heap: RecordHeap;
  /** The segment owns the routes whose upper `depth` bits are `prefix`. */
  readonly depth: number;
  readonly prefix: number;
  slots: Uint32Array;
  count = 0;
  /** Lower bits of a slot that are the address; the rest is the tag. */
  addressBits: number;
  /** Keys at which the segment splits; higher than the table's limit if all keys have the same route and a split would not help. */
  keysMax: number;

  constructor(heap: RecordHeap, depth: number, prefix: number, limits: SegmentLimits, expectedKeys = 0) {
    super(heap.pool);
    this.heap = heap;
    this.depth = depth;
    this.prefix = prefix;
    this.addressBits = limits.addressBits;
    this.keysMax = limits.keysMax;
    const wanted = Math.ceil((expectedKeys * LOAD_DENOMINATOR) / LOAD_NUMERATOR) + 1;
    this.slots = new Uint32Array(Math.max(INITIAL_SLOTS, wanted));
  }

  /** First route that the segment owns. */
  get firstRoute(): number {
    return this.prefix << (ROUTE_BITS - this.depth);
  }

  /** First route after those that the segment owns. */
  get endRoute(): number {
    return (this.prefix + 1) << (ROUTE_BITS - this.depth);
  }

  /** Bytes held besides pages of the pool. */
  override get bookkeepingBytes(): number {
    return this.slots.byteLength + super.bookkeepingBytes;
  }

  /** Address in the pool of the record in the slot, which must not be empty. */
  addressIn(slot: number): number {
    return this.address(this.slots[slot]! & ((1 << this.addressBits) - 1));
  }

  /** Allocates a record of that many words and puts it in a slot. Returns its address; the caller writes it. There must be {@link room}. */
  add(hashLow: number, words: number): number {
    this.#growSlots();
    const local = this.allocate(words);
    this.#place(((hashLow >>> this.addressBits) << this.addressBits) | local);
    this.count++;
    return this.address(local);
  }

  /**
   * Gives the slot's record another size and returns its new address. Only its leaf is carried over; the old record is free, and the
   * caller writes the new one.
   */
  resizeRecord(slot: number, words: number): number {
    const word = this.slots[slot]!;
    const mask = (1 << this.addressBits) - 1;
    const old = this.addressIn(slot);
    const local = this.allocate(words);
    const address = this.address(local);
    if (this.heap.ordered) this.heap.setLeaf(address, this.heap.leafAt(old));
    this.free(word & mask, this.heap.wordsAt(old));
    this.slots[slot] = (word & ~mask) | local;
    return address;
  }

  /** Frees the slot's record and closes the gap it leaves in its probe sequence. */
  remove(slot: number): void {
    const mask = (1 << this.addressBits) - 1;
    const local = this.slots[slot]! & mask;
    this.free(local, this.heap.wordsAt(this.address(local)));
    this.count--;

    const slots = this.slots;
    let gap = slot;
    for (let i = slot; ;) {
      i = i + 1 === slots.length ? 0 : i + 1;
      const word = slots[i]!;
      if (word === 0) break;
      const home = homeOf(word >>> this.addressBits, this.addressBits, slots.length);
      // A word may move back to the gap unless its probe starts after the gap (in circular order).
      const startsAfterGap = gap < i ? home > gap && home <= i : home > gap || home <= i;
      if (startsAfterGap) continue;
      slots[gap] = word;
      gap = i;
    }
    slots[gap] = 0;
  }

  /** Whether a record of that many words fits within the segment's limits. */
  room(words: number): boolean {
    return this.count < this.keysMax && this.end + words + PAGE_WORDS <= 1 << this.addressBits;
  }

  #growSlots(): void {
    const capacity = this.slots.length;
    if ((this.count + 1) * LOAD_DENOMINATOR <= capacity * LOAD_NUMERATOR) return;
    this.#resizeSlots(capacity < DOUBLING_SLOTS_MAX ? capacity * 2 : capacity + (capacity >> 2));
  }

  /** Raises the limit that is reached, for when a split cannot separate the keys. */
  raiseLimits(words: number): void {
    if (this.count >= this.keysMax) this.keysMax *= 2;
    while (!this.room(words)) this.widenAddresses(this.addressBits + 1);
  }

  /** Makes addresses at least that many bits wide, at the expense of the tags. */
  widenAddresses(addressBits: number): void {
    if (addressBits <= this.addressBits) return;
    if (addressBits > ADDRESS_BITS_MAX) {
      throw new RangeError("too many keys have the same hash: the keydir's hash function is broken");
    }
    const oldMask = (1 << this.addressBits) - 1;
    const newMask = (1 << addressBits) - 1;
    for (let i = 0; i < this.slots.length; i++) {
      const word = this.slots[i]!;
      this.slots[i] = (word & ~newMask) | (word & oldMask);
    }
    this.addressBits = addressBits;
    this.#resizeSlots(this.slots.length);
  }

  /** Whether all records have the same route, so that no split would separate them. */
  hasOneRoute(): boolean {
    let route = -1;
    for (const slot of this.usedSlots()) {
      const other = this.heap.routeAt(this.addressIn(slot));
      if (route !== -1 && other !== route) return false;
      route = other;
    }
    return true;
  }

  /**
   * Copies the record in a slot of this segment to another segment, which must have the same address bits (so that tags stay right).
   * Returns the new address.
   */
  copyTo(target: Segment, slot: number): number {
    const word = this.slots[slot]!;
    const from = this.addressIn(slot);
    const words = this.heap.wordsAt(from);
    const local = target.allocate(words);
    const to = target.address(local);
    this.heap.pool.copyWords(from, to, words);
    target.#growSlots();
    target.#place(((word >>> this.addressBits) << this.addressBits) | local);
    target.count++;
    return to;
  }

  /** Slots that hold a record. */
  *usedSlots(): Generator<number> {
    for (let slot = 0; slot < this.slots.length; slot++) if (this.slots[slot] !== 0) yield slot;
  }

  /** Removes all records. */
  clear(): void {
    this.releaseAll();
    this.count = 0;
    this.slots = new Uint32Array(INITIAL_SLOTS);
  }

  #place(word: number): void {
    const slots = this.slots;
    let i = homeOf(word >>> this.addressBits, this.addressBits, slots.length);
    while (slots[i] !== 0) i = i + 1 === slots.length ? 0 : i + 1;
    slots[i] = word;
  }

  #resizeSlots(capacity: number): void {
    const old = this.slots;
    const slots = new Uint32Array(capacity);
    this.slots = slots;
    const { addressBits } = this;
    for (let i = 0; i < old.length; i++) {
      const word = old[i]!;
      if (word === 0) continue;
      let slot = homeOf(word >>> addressBits, addressBits, capacity);
      while (slots[slot] !== 0) slot = slot + 1 === capacity ? 0 : slot + 1;
      slots[slot] = word;
    }
  }
}
