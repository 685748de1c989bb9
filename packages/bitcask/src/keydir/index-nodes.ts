/**
 * Nodes of the ordered index: blocks of 128 words, eight to a page of the pool.
 *
 *     0  entries | level << 16    level 0 is a leaf; FREE_LEVEL is a node that is not in use
 *     1  parent, or NO_NODE
 *     2  next node of the level, or NO_NODE; of a free node: next free node
 *     3  previous node of the level, or NO_NODE; of a free node: previous free node
 *     4  leaf: up to 124 record addresses
 *        inner node: up to 62 children, then 62 words with the address of the lowest record under each child
 */
import { CHUNK_SHIFT, PAGE_WORDS_LOG2, type PagePool } from "./page-pool.ts";

/** Means that there is no such node. */
export const NO_NODE = 0xffff_ffff;
/** Record addresses in a leaf. */
export const LEAF_ENTRIES_MAX = 124;
/** Children of an inner node. */
export const CHILDREN_MAX = 62;

const NODE_WORDS_LOG2 = 7;
const NODES_PER_PAGE = 1 << (PAGE_WORDS_LOG2 - NODE_WORDS_LOG2);
const NODE_CHUNK_SHIFT = CHUNK_SHIFT - NODE_WORDS_LOG2;
const NODE_IN_CHUNK_MASK = (1 << NODE_CHUNK_SHIFT) - 1;
const PARENT = 1;
const NEXT = 2;
const PREVIOUS = 3;
const ENTRIES = 4;
const LEVEL_SHIFT = 16;
const COUNT_MASK = 0xffff;
const FREE_LEVEL = 0xffff;

/** Allocates nodes, and reads and writes their words. */
export class IndexNodes {
  readonly #pool: PagePool;
  #firstFree = NO_NODE;
  readonly #pages = new Set<number>();

  constructor(pool: PagePool) {
    this.#pool = pool;
  }

  /** A node without entries, parent or neighbours. */
  allocate(level: number): number {
    if (this.#firstFree === NO_NODE) this.#addPage();
    const node = this.#firstFree;
    this.#unlinkFree(node);
    this.#set(node, 0, level << LEVEL_SHIFT);
    this.setParent(node, NO_NODE);
    this.setNext(node, NO_NODE);
    this.setPrevious(node, NO_NODE);
    return node;
  }

  /** Gives the node back, and its page to the pool when no node on it is used. */
  release(node: number): void {
    this.#linkFree(node);
    const first = node - (node % NODES_PER_PAGE);
    for (let i = first; i < first + NODES_PER_PAGE; i++) if (this.level(i) !== FREE_LEVEL) return;
    for (let i = first; i < first + NODES_PER_PAGE; i++) this.#unlinkFree(i);
    const page = first / NODES_PER_PAGE;
    this.#pages.delete(page);
    this.#pool.release(page);
  }

  /** Gives everything back. */
  releaseAll(): void {
    for (const page of this.#pages) this.#pool.release(page);
    this.#pages.clear();
    this.#firstFree = NO_NODE;
  }

  /** Words of the chunk in which the node is; its entries begin at {@link entriesAt}. For loops over entries. */
  words(node: number): Uint32Array {
    return this.#pool.words[node >>> NODE_CHUNK_SHIFT]!;
  }

  /** See {@link words}. Entry i of a leaf, and child i of an inner node, is i words on. */
  entriesAt(node: number): number {
    return ((node & NODE_IN_CHUNK_MASK) << NODE_WORDS_LOG2) + ENTRIES;
  }

  level(node: number): number {
    return this.#get(node, 0) >>> LEVEL_SHIFT;
  }

  count(node: number): number {
    return this.#get(node, 0) & COUNT_MASK;
  }

  setCount(node: number, count: number): void {
    this.#set(node, 0, (this.level(node) << LEVEL_SHIFT) | count);
  }

  parent(node: number): number {
    return this.#get(node, PARENT);
  }

  setParent(node: number, parent: number): void {
    this.#set(node, PARENT, parent);
  }

  next(node: number): number {
    return this.#get(node, NEXT);
  }

  setNext(node: number, next: number): void {
    this.#set(node, NEXT, next);
  }

  previous(node: number): number {
    return this.#get(node, PREVIOUS);
  }

  setPrevious(node: number, previous: number): void {
    this.#set(node, PREVIOUS, previous);
  }

  /** Entry of a leaf, or child of an inner node. */
  entry(node: number, i: number): number {
    return this.words(node)[this.entriesAt(node) + i]!;
  }

  setEntry(node: number, i: number, value: number): void {
    this.words(node)[this.entriesAt(node) + i] = value;
  }

  /** Address of the lowest record under child i of an inner node. */
  lowest(node: number, i: number): number {
    return this.words(node)[this.entriesAt(node) + CHILDREN_MAX + i]!;
  }

  setLowest(node: number, i: number, address: number): void {
    this.words(node)[this.entriesAt(node) + CHILDREN_MAX + i] = address;
  }

  /** Position of a value among the entries of the node, which must be there. */
  positionOf(node: number, value: number): number {
    const words = this.words(node);
    const at = this.entriesAt(node);
    const count = this.count(node);
    for (let i = 0; i < count; i++) if (words[at + i] === value) return i;
    throw new Error(`the ordered index is broken: node ${node} does not hold ${value}`);
  }

  #get(node: number, word: number): number {
    return this.words(node)[((node & NODE_IN_CHUNK_MASK) << NODE_WORDS_LOG2) + word]!;
  }

  #set(node: number, word: number, value: number): void {
    this.words(node)[((node & NODE_IN_CHUNK_MASK) << NODE_WORDS_LOG2) + word] = value;
  }

  #addPage(): void {
    const page = this.#pool.take();
    this.#pages.add(page);
    const first = page * NODES_PER_PAGE;
    for (let i = first + NODES_PER_PAGE - 1; i >= first; i--) this.#linkFree(i);
  }

  #linkFree(node: number): void {
    this.#set(node, 0, (FREE_LEVEL << LEVEL_SHIFT) >>> 0);
    this.setPrevious(node, NO_NODE);
    this.setNext(node, this.#firstFree);
    if (this.#firstFree !== NO_NODE) this.setPrevious(this.#firstFree, node);
    this.#firstFree = node;
  }

  #unlinkFree(node: number): void {
    const next = this.next(node);
    const previous = this.previous(node);
    if (next !== NO_NODE) this.setPrevious(next, previous);
    if (previous === NO_NODE) this.#firstFree = next;
    else this.setNext(previous, next);
  }
}
