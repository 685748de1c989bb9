/**
 * The records of one segment: words on pages of the pool, addressed from 1 in the segment's own numbering.
 *
 * New records go to the end. A freed record is kept in a list by its exact size and given to the next record of that size; what is
 * never asked for again is won back by compaction, when the segment copies its live records into a fresh arena.
 */
import { PAGE_WORDS, PAGE_WORDS_LOG2, type PagePool } from "./page-pool.ts";
import { HEAD_WORDS_MAX } from "./record-heap.ts";

/** Freed records up to this size are given again at once; larger ones wait for compaction. */
const REUSED_WORDS_MAX = 64;
/** Compaction before taking another page when one word in so many is free. */
const HOLES_TO_COMPACT_GROWING = 8;
/** Compaction after a removal when one word in so many is free. */
const HOLES_TO_COMPACT_SHRINKING = 2;
const NO_FREE_LISTS = new Uint32Array(0);

/**
 * Allocates records of one segment. Local address 0 is never used, so that it can mean "none". A segment extends its arena rather than
 * holding it: a lookup then follows one pointer less, and in a table of millions of keys each costs a cache miss.
 */
export abstract class Arena {
  /** Pool page by local page. */
  readonly pages: number[] = [];
  /** Local address at which the next record goes. */
  end = 1;
  /** Words before `end` that no live record uses. */
  holeWords = 0;
  protected readonly pool: PagePool;
  /** First free record by size in words, or 0. The free records of a size are linked through their first word. */
  #freeBySize: Uint32Array = NO_FREE_LISTS;

  constructor(pool: PagePool) {
    this.pool = pool;
  }

  /** Address in the pool of a local address. */
  address(local: number): number {
    return ((this.pages[local >>> PAGE_WORDS_LOG2]! << PAGE_WORDS_LOG2) | (local & (PAGE_WORDS - 1))) >>> 0;
  }

  /** Local address of a new record. */
  allocate(words: number): number {
    if (words < this.#freeBySize.length) {
      const reused = this.#freeBySize[words]!;
      if (reused !== 0) {
        const address = this.address(reused);
        this.#freeBySize[words] = this.pool.wordAt(address);
        this.holeWords -= words;
        return reused;
      }
    }
    const local = this.#placeFor(words);
    this.reserve(words);
    this.holeWords += local - this.end;
    this.end = local + words;
    return local;
  }

  /** Takes the pages that the next record of that size needs, so that allocating it cannot fail. */
  reserve(words: number): void {
    const end = this.#placeFor(words) + words;
    while (this.pages.length << PAGE_WORDS_LOG2 < end) this.#addPage();
  }

  /** Gives a record's words back. */
  free(local: number, words: number): void {
    this.holeWords += words;
    if (words >= REUSED_WORDS_MAX) return;
    if (this.#freeBySize.length === 0) this.#freeBySize = new Uint32Array(REUSED_WORDS_MAX);
    this.pool.setWordAt(this.address(local), this.#freeBySize[words]!);
    this.#freeBySize[words] = local;
  }

  /** Whether so much of what is held is free that compaction pays. */
  isFragmented(): boolean {
    return this.holeWords > PAGE_WORDS && this.holeWords * HOLES_TO_COMPACT_GROWING > this.end;
  }

  /** Whether a record of that size would take another page although much of what is held is free. */
  shouldCompactBefore(words: number): boolean {
    return (
      this.isFragmented() &&
      (this.#freeBySize[words] ?? 0) === 0 &&
      this.#placeFor(words) + words > this.pages.length << PAGE_WORDS_LOG2
    );
  }

  /** Whether so much is free that pages should go back to the pool. */
  shouldShrink(): boolean {
    return this.pages.length > 1 && this.holeWords * HOLES_TO_COMPACT_SHRINKING > this.end;
  }

  /** Bytes of the arena's own bookkeeping (pages belong to the pool). */
  get bookkeepingBytes(): number {
    return this.pages.length * 8 + this.#freeBySize.byteLength;
  }

  /** Gives all pages back. The arena is empty afterwards. */
  releaseAll(): void {
    for (const page of this.pages) this.pool.release(page);
    this.pages.length = 0;
    this.end = 1;
    this.holeWords = 0;
    this.#freeBySize = NO_FREE_LISTS;
  }

  /** Where a new record goes: at the end, or on the next page if its head would not lie on one page. */
  #placeFor(words: number): number {
    const room = PAGE_WORDS - (this.end & (PAGE_WORDS - 1));
    return room < Math.min(words, HEAD_WORDS_MAX) ? this.end + room : this.end;
  }

  #addPage(): void {
    const page = this.pool.take();
    const last = this.pages.at(-1);
    if (last !== undefined) this.pool.next[last] = page;
    this.pages.push(page);
  }
}
