/**
 * The newest entries of all groups, in memory: a leader replicates, and every replica applies, what was written a
 * moment ago, and neither should read the disk for it.
 *
 * Each group's part is a contiguous tail of its log. Memory is bounded over all groups: when it runs out, the entries
 * that were added longest ago go first, whichever group they belong to.
 */
import type { Entry } from "../core/entry.ts";

/** Bookkeeping for an entry besides its data: the object, its slot, its part of the queue. */
const overheadBytes = 96;

/** How many arrivals are kept, at least, before those whose entries were dropped since are looked for. */
const minArrivals = 1024;

/** The cached tail of one group. */
interface Tail {
  /** From `head` on, contiguous entries; the newest last. */
  entries: Entry[];
  head: number;
}

/** Entries up to `last` of a group were added together. */
interface Arrival {
  readonly group: number;
  readonly last: number;
}

/** The newest entries of all groups, up to a number of bytes. */
export class EntryCache {
  readonly #maxBytes: number;
  readonly #tails = new Map<number, Tail>();
  #arrivals: Arrival[] = [];
  #oldestArrival = 0;
  /** How long `#arrivals` may become before it is cleaned. */
  #arrivalsLimit = minArrivals;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes in use, bookkeeping included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds contiguous entries; what the group has from the first one's index on is dropped. */
  add(group: number, entries: readonly Entry[]): void {
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return;
    this.dropFrom(group, first.index);
    let tail = this.#tails.get(group);
    const newest = tail?.entries.at(-1);
    if (tail === undefined || newest === undefined || newest.index + 1 !== first.index) {
      this.dropGroup(group);
      tail = { entries: [], head: 0 };
      this.#tails.set(group, tail);
    }
    for (const entry of entries) {
      tail.entries.push(entry);
      this.#bytes += entry.data.length + overheadBytes;
    }
    this.#arrivals.push({ group, last: last.index });
    if (this.#arrivals.length > this.#arrivalsLimit) this.#forgetArrivals();
    while (this.#bytes > this.#maxBytes && this.#oldestArrival < this.#arrivals.length) this.#evict();
  }

  /** The index of the first cached entry of a group; undefined when there is none. */
  first(group: number): number | undefined {
    const tail = this.#tails.get(group);
    return tail?.entries[tail.head]?.index;
  }

  /** Cached entries in `[low, high)`, all of which must be cached. */
  slice(group: number, low: number, high: number): Entry[] {
    const tail = this.#tails.get(group);
    const first = tail?.entries[tail.head]?.index;
    if (tail === undefined || first === undefined) return [];
    return tail.entries.slice(tail.head + low - first, tail.head + high - first);
  }

  /** Drops the cached entries of a group from `index` on. */
  dropFrom(group: number, index: number): void {
    const tail = this.#tails.get(group);
    if (tail === undefined) return;
    while (tail.entries.length > tail.head) {
      const entry = tail.entries.at(-1);
      if (entry === undefined || entry.index < index) break;
      tail.entries.pop();
      this.#bytes -= entry.data.length + overheadBytes;
    }
    if (tail.entries.length === tail.head) this.#tails.delete(group);
  }

  /** Drops the cached entries of a group up to and including `index`. */
  dropThrough(group: number, index: number): void {
    const tail = this.#tails.get(group);
    if (tail === undefined) return;
    for (;;) {
      const entry = tail.entries[tail.head];
      if (entry === undefined || entry.index > index) break;
      this.#bytes -= entry.data.length + overheadBytes;
      tail.head += 1;
    }
    if (tail.head === tail.entries.length) {
      this.#tails.delete(group);
    } else if (tail.head * 2 > tail.entries.length) {
      // The dropped entries are still referenced by the array: free them once they are the larger part.
      tail.entries = tail.entries.slice(tail.head);
      tail.head = 0;
    }
  }

  /** Drops everything of a group. */
  dropGroup(group: number): void {
    const tail = this.#tails.get(group);
    if (tail === undefined) return;
    for (let at = tail.head; at < tail.entries.length; at++) {
      this.#bytes -= (tail.entries[at]?.data.length ?? 0) + overheadBytes;
    }
    this.#tails.delete(group);
  }

  /** Compaction and truncation leave arrivals behind whose entries are gone: without this they would pile up. */
  #forgetArrivals(): void {
    this.#arrivals = this.#arrivals.slice(this.#oldestArrival).filter((arrival) => {
      const first = this.first(arrival.group);
      return first !== undefined && first <= arrival.last;
    });
    this.#oldestArrival = 0;
    this.#arrivalsLimit = Math.max(minArrivals, this.#arrivals.length * 2);
  }

  #evict(): void {
    const arrival = this.#arrivals[this.#oldestArrival];
    this.#oldestArrival += 1;
    if (arrival !== undefined) this.dropThrough(arrival.group, arrival.last);
  }
}
