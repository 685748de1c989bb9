/**
 * Memory for the keydir, in pages of 4 KiB.
 *
 * Everything that grows and shrinks (records, index nodes) takes pages and gives them back, so memory freed by one user serves the next
 * without the garbage collector. Pages are cut from chunks; a chunk of which every page is free goes back to the system.
 *
 * A word of the pool has an *address*: page number × words per page + word in page, an unsigned 32-bit number. That bounds a pool to 16 GiB.
 * What is longer than a page continues on the page that `next` names.
 */

/** A page holds 2^10 words of 4 bytes. */
export const PAGE_WORDS_LOG2 = 10;
/** Words in a page. */
export const PAGE_WORDS: number = 1 << PAGE_WORDS_LOG2;
/** Bytes in a page. */
export const PAGE_BYTES: number = PAGE_WORDS * 4;
/** `address >>> CHUNK_SHIFT` is the chunk, `address & CHUNK_MASK` the word in it: 2^16 words, 256 KiB. */
export const CHUNK_SHIFT = 16;
/** See {@link CHUNK_SHIFT}. */
export const CHUNK_MASK = 0xffff;

const CHUNK_WORDS = 1 << CHUNK_SHIFT;
const CHUNK_PAGES = CHUNK_WORDS / PAGE_WORDS;
const CHUNK_PAGES_LOG2 = CHUNK_SHIFT - PAGE_WORDS_LOG2;
/** 16 GiB: more does not fit into a 32-bit word address. */
const CHUNKS_MAX = 2 ** 32 / CHUNK_WORDS;
/** Empty chunks that are kept, so that a page taken and given back at the edge does not allocate a chunk each time. */
const SPARE_CHUNKS_MAX = 1;
const NO_WORDS = new Uint32Array(0);
const NO_BYTES = new Uint8Array(0);

/** Pages of words; the words and bytes of a chunk are two views of the same memory. */
export class PagePool {
  /** Words by chunk. */
  readonly words: Uint32Array[] = [];
  /** The same memory as bytes, by chunk. */
  readonly bytes: Uint8Array[] = [];
  /** For each page, the page on which its content continues. Meaningful only where the owner has set it. */
  next: Uint32Array = new Uint32Array(CHUNK_PAGES);

  /** First free page of each chunk, plus one; 0 if none. The free pages of a chunk are linked through their first word. */
  readonly #freeHead: number[] = [];
  readonly #usedPages: number[] = [];
  #spareChunks = 0;
  #liveChunks = 0;
  /** Invariant: no chunk before this one has a free page. */
  #firstWithFree = 0;

  /** Bytes of memory held, free pages included. */
  get heldBytes(): number {
    return this.#liveChunks * CHUNK_WORDS * 4 + this.next.byteLength;
  }

  /** Takes a page; its content is arbitrary. A `RangeError` if the pool has reached 16 GiB or the system has no memory. */
  take(): number {
    let chunk = this.#firstWithFree;
    while (chunk < this.words.length && this.#freeHead[chunk] === 0) chunk++;
    this.#firstWithFree = chunk;
    if (chunk === this.words.length || this.words[chunk]!.length === 0) this.#allocateChunk(chunk);
    const page = this.#freeHead[chunk]! - 1;
    const words = this.words[chunk]!;
    this.#freeHead[chunk] = words[(page << PAGE_WORDS_LOG2) & CHUNK_MASK]!;
    if (this.#usedPages[chunk]!++ === 0) this.#spareChunks--;
    return page;
  }

  /** Gives a page back. */
  release(page: number): void {
    const chunk = page >>> CHUNK_PAGES_LOG2;
    this.words[chunk]![(page << PAGE_WORDS_LOG2) & CHUNK_MASK] = this.#freeHead[chunk]!;
    this.#freeHead[chunk] = page + 1;
    if (chunk < this.#firstWithFree) this.#firstWithFree = chunk;
    if (--this.#usedPages[chunk]! > 0) return;
    if (this.#spareChunks < SPARE_CHUNKS_MAX) {
      this.#spareChunks++;
      return;
    }
    this.words[chunk] = NO_WORDS;
    this.bytes[chunk] = NO_BYTES;
    this.#liveChunks--;
    // A chunk without memory keeps a free head, so that `take` finds it and allocates it again.
  }

  wordAt(address: number): number {
    return this.words[address >>> CHUNK_SHIFT]![address & CHUNK_MASK]!;
  }

  setWordAt(address: number, word: number): void {
    this.words[address >>> CHUNK_SHIFT]![address & CHUNK_MASK] = word;
  }

  /** Copies words between two places that may each continue on further pages. */
  copyWords(from: number, to: number, count: number): void {
    let source = from;
    let target = to;
    let left = count;
    while (left > 0) {
      const sourceRoom = PAGE_WORDS - (source & (PAGE_WORDS - 1));
      const targetRoom = PAGE_WORDS - (target & (PAGE_WORDS - 1));
      const run = Math.min(left, sourceRoom, targetRoom);
      const sourceWords = this.words[source >>> CHUNK_SHIFT]!;
      const targetWords = this.words[target >>> CHUNK_SHIFT]!;
      const sourceAt = source & CHUNK_MASK;
      const targetAt = target & CHUNK_MASK;
      // Records are about ten words: a loop is faster than a call into the runtime.
      for (let i = 0; i < run; i++) targetWords[targetAt + i] = sourceWords[sourceAt + i]!;
      left -= run;
      if (left === 0) return;
      source = run === sourceRoom ? this.#pageAfter(source) : source + run;
      target = run === targetRoom ? this.#pageAfter(target) : target + run;
    }
  }

  /** Address of the first word of the page on which the content of this address's page continues. */
  #pageAfter(address: number): number {
    return (this.next[address >>> PAGE_WORDS_LOG2]! << PAGE_WORDS_LOG2) >>> 0;
  }

  #allocateChunk(chunk: number): void {
    if (chunk >= CHUNKS_MAX) {
      throw new RangeError("the keydir has reached 16 GiB of records: spread the keys over several stores");
    }
    const words = new Uint32Array(CHUNK_WORDS);
    const firstPage = chunk << CHUNK_PAGES_LOG2;
    for (let i = 0; i < CHUNK_PAGES - 1; i++) words[i << PAGE_WORDS_LOG2] = firstPage + i + 2;
    if (this.next.length < firstPage + CHUNK_PAGES) {
      const next = new Uint32Array(Math.max(firstPage + CHUNK_PAGES, this.next.length * 2));
      next.set(this.next);
      this.next = next;
    }
    this.words[chunk] = words;
    this.bytes[chunk] = new Uint8Array(words.buffer);
    this.#freeHead[chunk] = firstPage + 1;
    this.#usedPages[chunk] = 0;
    this.#spareChunks++;
    this.#liveChunks++;
  }
}
