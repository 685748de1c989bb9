/**
 * Where the entries of one group lie: eight bytes of memory for each, plus a run for each change of term and each
 * change of segment. Entries are dropped at both ends: compaction at the front, a new leader's opinion at the back.
 */
import type { Segment } from "./segment.ts";

/** All entries from `first` on, up to the next run, have this term. */
interface TermRun {
  first: number;
  readonly term: number;
}

/** All entries from `first` on, up to the next run, lie in this segment. */
interface SegmentRun {
  first: number;
  readonly segment: Segment;
}

const initialSlots = 16;

/** Positions, lengths and terms of contiguous entries. */
export class EntryIndex {
  #first = 1;
  #count = 0;
  /** The slot of the first entry: slots before it belong to entries that were compacted. */
  #head = 0;
  #offsets: Uint32Array = new Uint32Array(0);
  #dataBytes: Uint32Array = new Uint32Array(0);
  readonly #terms: TermRun[] = [];
  readonly #segments: SegmentRun[] = [];

  /** The index of the first entry; where the next one would go when there is none. */
  get first(): number {
    return this.#first;
  }

  /** The index of the last entry; `first - 1` when there is none. */
  get last(): number {
    return this.#first + this.#count - 1;
  }

  /** The segment of the first entry. */
  get oldestSegment(): Segment | undefined {
    return this.#segments[0]?.segment;
  }

  /** Forgets all entries; the next one will have the index `first`. */
  restart(first: number): void {
    for (const run of this.#segments) run.segment.references -= 1;
    this.#segments.length = 0;
    this.#terms.length = 0;
    this.#first = first;
    this.#count = 0;
    this.#head = 0;
    this.#resize(0);
  }

  /** Adds the entry with the index `last + 1`. */
  push(term: number, dataBytes: number, place: { readonly segment: Segment; readonly offset: number }): void {
    const index = this.#first + this.#count;
    if (this.#head + this.#count === this.#offsets.length) this.#makeRoom();
    const slot = this.#head + this.#count;
    this.#offsets[slot] = place.offset;
    this.#dataBytes[slot] = dataBytes;
    this.#count += 1;
    if (this.#terms.at(-1)?.term !== term) this.#terms.push({ first: index, term });
    if (this.#segments.at(-1)?.segment !== place.segment) {
      this.#segments.push({ first: index, segment: place.segment });
      place.segment.references += 1;
    }
  }

  /** Forgets the entries from `index` on. */
  dropFrom(index: number): void {
    if (index > this.last) return;
    if (index <= this.#first) return this.restart(this.#first);
    this.#count = index - this.#first;
    while ((this.#terms.at(-1)?.first ?? 0) >= index) this.#terms.pop();
    while ((this.#segments.at(-1)?.first ?? 0) >= index) {
      const run = this.#segments.pop();
      if (run !== undefined) run.segment.references -= 1;
    }
  }

  /** Forgets the entries up to and including `index`; the first one is `index + 1` afterwards, whatever was there. */
  dropThrough(index: number): void {
    if (index < this.#first) return;
    if (index >= this.last) return this.restart(index + 1);
    const dropped = index + 1 - this.#first;
    this.#first = index + 1;
    this.#head += dropped;
    this.#count -= dropped;
    dropRuns(this.#terms, this.#first);
    for (const run of dropRuns(this.#segments, this.#first)) run.segment.references -= 1;
    if (this.#count * 4 < this.#offsets.length) this.#resize(this.#count);
  }

  /** The term of an entry that is there. */
  term(index: number): number {
    return this.#terms[lastRunAt(this.#terms, index)]?.term ?? 0;
  }

  /** The segment of an entry that is there. */
  segment(index: number): Segment | undefined {
    return this.#segments[lastRunAt(this.#segments, index)]?.segment;
  }

  /** Where the header of an entry that is there begins. */
  offset(index: number): number {
    return this.#offsets[this.#head + index - this.#first] ?? 0;
  }

  /** The length of the data of an entry that is there. */
  dataBytes(index: number): number {
    return this.#dataBytes[this.#head + index - this.#first] ?? 0;
  }

  /** The length of the data of all entries. */
  totalBytes(): number {
    let total = 0;
    for (let slot = this.#head; slot < this.#head + this.#count; slot++) total += this.#dataBytes[slot] ?? 0;
    return total;
  }

  #makeRoom(): void {
    // Slots of compacted entries are reused before more are allocated, once they are half of all.
    if (this.#head > 0 && this.#head >= this.#count) this.#resize(this.#offsets.length);
    else this.#resize(Math.max(initialSlots, this.#offsets.length * 2));
  }

  #resize(slots: number): void {
    const offsets = new Uint32Array(slots);
    const dataBytes = new Uint32Array(slots);
    offsets.set(this.#offsets.subarray(this.#head, this.#head + this.#count));
    dataBytes.set(this.#dataBytes.subarray(this.#head, this.#head + this.#count));
    this.#offsets = offsets;
    this.#dataBytes = dataBytes;
    this.#head = 0;
  }
}

/** The position of the run that covers `index`. The newest runs are asked for most, so the search begins there. */
function lastRunAt(runs: readonly { readonly first: number }[], index: number): number {
  let at = runs.length - 1;
  while (at > 0 && (runs[at]?.first ?? 0) > index) at -= 1;
  return at;
}

/** Removes the runs that end before `first`, returns them, and lets the remaining first one begin there. */
function dropRuns<Run extends { first: number }>(runs: Run[], first: number): Run[] {
  const dropped = runs.splice(0, lastRunAt(runs, first));
  const head = runs[0];
  if (head !== undefined) head.first = first;
  return dropped;
}
