/**
 * Memory for the keydir, in pages of 4 KiB.
 *
 * Everything that grows and shrinks (records, index nodes) takes pages and gives them back, so memory freed by one user serves the next
 * without the garbage collector. Pages are cut from chunks of 2 MiB: so large that a lookup rarely meets a chunk's array object for the
 * first time, and so small that what is not used of the last one hardly counts. The first chunk begins small and doubles, for the sake of small stores.
 * A page is not touched before it is first taken, and a chunk of which no page is in use goes back to the system.
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
/** `address >>> CHUNK_SHIFT` is the chunk, `address & CHUNK_MASK` the word in it: 2^19 words, 2 MiB. */
export const CHUNK_SHIFT = 19;
/** See {@link CHUNK_SHIFT}. */
export const CHUNK_MASK: number = (1 << CHUNK_SHIFT) - 1;

const CHUNK_PAGES_LOG2 = CHUNK_SHIFT - PAGE_WORDS_LOG2;
const CHUNK_PAGES = 1 << CHUNK_PAGES_LOG2;
/** The first chunk begins with 64 KiB. */
const FIRST_CHUNK_PAGES = 16;
/** 16 GiB: more does not fit into a 32-bit word address. */
const CHUNKS_MAX = 2 ** (32 - CHUNK_SHIFT);
/** Unused chunks that are kept, so that a page taken and given back at the edge does not allocate a chunk each time. */
const SPARE_CHUNKS_MAX = 1;
const NO_PAGE = -1;
const NO_WORDS = new Uint32Array(0);
const NO_BYTES = new Uint8Array(0);

/** Pages of words; the words and bytes of a chunk are two views of the same memory. */
export class PagePool {
  /** Words by chunk. An element changes when its chunk grows or is freed: do not keep it across a call of `take` or `release`. */
  readonly words: Uint32Array[] = [];
  /** The same memory as bytes, by chunk. */
  readonly bytes: Uint8Array[] = [];
  /** For each page, the page on which its content continues. Meaningful only where the owner has set it. */
  next: Uint32Array = new Uint32Array(FIRST_CHUNK_PAGES);

  /** First page of each chunk that was given back, or NO_PAGE. The others are linked through their first word, as page + 1. */
  readonly #givenBack: number[] = [];
  /** Pages of each chunk that have been taken at least once: the first ones. */
  readonly #touched: number[] = [];
  readonly #used: number[] = [];
  #unusedChunks = 0;
  #heldWords = 0;
  /** Invariant: no chunk before this one can give a page. */
  #firstToTry = 0;

  /** Bytes of memory held, free pages included. */
  get heldBytes(): number {
    return this.#heldWords * 4 + this.next.byteLength;
  }

  /** Takes a page; its content is arbitrary. A `RangeError` if the pool has reached 16 GiB or the system has no memory. */
  take(): number {
    let chunk = this.#firstToTry;
    while (chunk < this.words.length && !this.#canGive(chunk)) chunk++;
    this.#firstToTry = chunk;
    this.#makeRoom(chunk);
    if (this.#used[chunk]!++ === 0) this.#unusedChunks--;
    const page = this.#givenBack[chunk]!;
    if (page === NO_PAGE) return (chunk << CHUNK_PAGES_LOG2) + this.#touched[chunk]!++;
    this.#givenBack[chunk] = this.wordAt((page << PAGE_WORDS_LOG2) >>> 0) - 1;
    return page;
  }

  /** Gives a page back. */
  release(page: number): void {
    const chunk = page >>> CHUNK_PAGES_LOG2;
    this.setWordAt((page << PAGE_WORDS_LOG2) >>> 0, this.#givenBack[chunk]! + 1);
    this.#givenBack[chunk] = page;
    if (chunk < this.#firstToTry) this.#firstToTry = chunk;
    this.#used[chunk]!--;
    if (this.#used[chunk] !== 0) return;
    this.#unusedChunks++;
    if (this.#unusedChunks > SPARE_CHUNKS_MAX) this.#freeChunk(chunk);
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
      source = run === sourceRoom ? this.#continuation(source) : source + run;
      target = run === targetRoom ? this.#continuation(target) : target + run;
    }
  }

  /** Address of the first word of the page on which the content of this address's page continues. */
  #continuation(address: number): number {
    return (this.next[address >>> PAGE_WORDS_LOG2]! << PAGE_WORDS_LOG2) >>> 0;
  }

  /** Whether the chunk has a free page, or would have one if it had its memory. */
  #canGive(chunk: number): boolean {
    return this.#givenBack[chunk] !== NO_PAGE || this.#touched[chunk]! < CHUNK_PAGES;
  }

  /** Sees to it that a chunk that can give a page has memory for it. */
  #makeRoom(chunk: number): void {
    if (chunk >= CHUNKS_MAX) {
      throw new RangeError("the keydir has reached 16 GiB of records: spread the keys over several stores");
    }
    const held = this.words[chunk]?.length ?? 0;
    if (held === 0) {
      this.#setMemory(chunk, new Uint32Array((chunk === 0 ? FIRST_CHUNK_PAGES : CHUNK_PAGES) * PAGE_WORDS));
      this.#givenBack[chunk] = NO_PAGE;
      this.#touched[chunk] = 0;
      this.#used[chunk] = 0;
      this.#unusedChunks++;
    } else if (this.#givenBack[chunk] === NO_PAGE && this.#touched[chunk]! * PAGE_WORDS === held) {
      const words = new Uint32Array(held * 2);
      words.set(this.words[chunk]!);
      this.#setMemory(chunk, words);
    }
  }

  #freeChunk(chunk: number): void {
    this.#setMemory(chunk, NO_WORDS);
    this.#unusedChunks--;
    this.#givenBack[chunk] = NO_PAGE;
    this.#touched[chunk] = 0;
  }

  #setMemory(chunk: number, words: Uint32Array<ArrayBuffer>): void {
    const pagesEnd = (chunk << CHUNK_PAGES_LOG2) + words.length / PAGE_WORDS;
    if (pagesEnd > this.next.length) {
      const next = new Uint32Array(Math.max(pagesEnd, this.next.length * 2));
      next.set(this.next);
      this.next = next;
    }
    this.#heldWords += words.length - (this.words[chunk]?.length ?? 0);
    this.words[chunk] = words;
    this.bytes[chunk] = words.length === 0 ? NO_BYTES : new Uint8Array(words.buffer);
  }
}
