/**
 * The keys of a table in byte order: a B+ tree of record addresses.
 *
 * A tree of keys would hold every key twice. This one holds addresses and looks at the records' own keys. Records move, though, when a
 * segment splits or is compacted; so each record names the leaf that refers to it, and a move is repaired by looking through that one leaf.
 * Removal finds its place the same way, without comparing keys. Together: about 4 bytes in the record and 4 to 8 in the leaf.
 *
 * Inner nodes keep, for each child, the address of the lowest record below it. That is always exact: whoever changes the first
 * entry of a node carries it up as long as the node is the first child of its parent.
 */
import { CHILDREN_MAX, IndexNodes, LEAF_ENTRIES_MAX, NO_NODE } from "./index-nodes.ts";
import type { PagePool } from "./page-pool.ts";
import { KEY_BYTES_MAX, type RecordHeap } from "./record-heap.ts";

/** A leaf with fewer entries is merged with a neighbour, if both then fill at most {@link MERGED_PART} of one. */
const MERGE_BELOW_PART = 1 / 4;
const MERGED_PART = 3 / 4;

/** Keys are copied here to be compared with others; the keydir is synchronous, so one for all will do. */
const scratchKey = new Uint8Array(KEY_BYTES_MAX);

/** Addresses of a table's records in the order of their keys. */
export class OrderedIndex {
  readonly #heap: RecordHeap;
  readonly #nodes: IndexNodes;
  #root: number;
  /** Answer of the last {@link seek}, {@link forward} or {@link backward}: a leaf, and a position in it. */
  leaf = 0;
  at = 0;

  constructor(pool: PagePool, heap: RecordHeap) {
    this.#heap = heap;
    this.#nodes = new IndexNodes(pool);
    this.#root = this.#nodes.allocate(0);
  }

  /** Adds a record whose key is not in the index. */
  insert(address: number): void {
    const length = this.#heap.keyLengthAt(address);
    this.#heap.copyKey(address, scratchKey, 0);
    this.#descend(scratchKey, length, false);
    const { leaf, at } = this;
    if (this.#nodes.count(leaf) < LEAF_ENTRIES_MAX) {
      this.#insertIntoLeaf(leaf, at, address);
      return;
    }
    const right = this.#nodes.allocate(0);
    // Keys that arrive in order leave full leaves behind; in any other place both halves get room.
    const isAtEnd = at === LEAF_ENTRIES_MAX && this.#nodes.next(leaf) === NO_NODE;
    const keep = isAtEnd ? LEAF_ENTRIES_MAX : LEAF_ENTRIES_MAX / 2;
    this.#moveEntries(leaf, keep, right);
    this.#linkAfter(leaf, right);
    if (at > keep || isAtEnd) this.#insertIntoLeaf(right, at - keep, address);
    else this.#insertIntoLeaf(leaf, at, address);
    this.#insertIntoParent(leaf, right);
  }

  /** Takes a record out. Its fields must still be readable. */
  remove(address: number): void {
    const nodes = this.#nodes;
    const leaf = this.#heap.leafAt(address);
    const at = nodes.positionOf(leaf, address);
    const count = nodes.count(leaf) - 1;
    const words = nodes.words(leaf);
    const entries = nodes.entriesAt(leaf);
    words.copyWithin(entries + at, entries + at + 1, entries + count + 1);
    nodes.setCount(leaf, count);
    if (count === 0) {
      this.#removeEmpty(leaf);
      return;
    }
    if (at === 0) this.#carryLowestUp(leaf);
    if (count < LEAF_ENTRIES_MAX * MERGE_BELOW_PART) this.#mergeLeaf(leaf);
  }

  /** A record was copied, leaf word included, to another address. */
  moved(from: number, to: number): void {
    const leaf = this.#heap.leafAt(to);
    const at = this.#nodes.positionOf(leaf, from);
    this.#nodes.setEntry(leaf, at, to);
    if (at === 0) this.#carryLowestUp(leaf);
  }

  /**
   * Moves to the first entry whose key is at least `key[0, length)`, or higher than it if `after`. False if there is none.
   */
  seek(key: Uint8Array, length: number, after: boolean): boolean {
    this.#descend(key, length, after);
    return this.#settleForward();
  }

  /** Moves to the last entry whose key is below `key[0, length)`, or not above it if `orEqual`. False if there is none. */
  seekBefore(key: Uint8Array, length: number, orEqual: boolean): boolean {
    this.#descend(key, length, orEqual);
    return this.backward();
  }

  /** Moves to the very last entry. False if the index is empty. */
  seekLast(): boolean {
    let node = this.#root;
    while (this.#nodes.level(node) > 0) node = this.#nodes.entry(node, this.#nodes.count(node) - 1);
    this.leaf = node;
    this.at = this.#nodes.count(node);
    return this.backward();
  }

  /** Moves one entry on; false at the end. */
  forward(): boolean {
    this.at++;
    return this.#settleForward();
  }

  /** Moves one entry back; false at the beginning. */
  backward(): boolean {
    if (this.at === 0) {
      const previous = this.#nodes.previous(this.leaf);
      if (previous === NO_NODE) return false;
      this.leaf = previous;
      this.at = this.#nodes.count(previous);
    }
    this.at--;
    return true;
  }

  /** Address of the record at the current position. */
  current(): number {
    return this.#nodes.entry(this.leaf, this.at);
  }

  /** Gives all memory back. The index must not be used afterwards. */
  drop(): void {
    this.#nodes.releaseAll();
  }

  #settleForward(): boolean {
    if (this.at < this.#nodes.count(this.leaf)) return true;
    const next = this.#nodes.next(this.leaf);
    if (next === NO_NODE) return false;
    this.leaf = next;
    this.at = 0;
    return true;
  }

  /** Finds the leaf, and the position in it, before which everything is lower than the key (or not higher, if `after`). */
  #descend(key: Uint8Array, length: number, after: boolean): void {
    const nodes = this.#nodes;
    let node = this.#root;
    while (nodes.level(node) > 0) {
      const lowest = nodes.entriesAt(node) + CHILDREN_MAX;
      const passed = this.#countPassed(node, lowest, nodes.count(node), key, length, after);
      node = nodes.entry(node, Math.max(0, passed - 1));
    }
    this.leaf = node;
    this.at = this.#countPassed(node, nodes.entriesAt(node), nodes.count(node), key, length, after);
  }

  /** How many of the sorted records, whose addresses begin at word `first`, are lower than the key (or not higher, if `orEqual`). */
  #countPassed(
    node: number,
    first: number,
    count: number,
    key: Uint8Array,
    length: number,
    orEqual: boolean,
  ): number {
    const words = this.#nodes.words(node);
    const passes = orEqual ? 0 : 1;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#heap.compareKey(words[first + middle]!, key, 0, length) >= passes) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insertIntoLeaf(leaf: number, at: number, address: number): void {
    const nodes = this.#nodes;
    const count = nodes.count(leaf);
    const entries = nodes.entriesAt(leaf);
    nodes.words(leaf).copyWithin(entries + at + 1, entries + at, entries + count);
    nodes.setEntry(leaf, at, address);
    nodes.setCount(leaf, count + 1);
    this.#heap.setLeaf(address, leaf);
    if (at === 0) this.#carryLowestUp(leaf);
  }

  /** Appends the entries of a leaf from position `from` on to another leaf. */
  #moveEntries(source: number, from: number, target: number): void {
    const nodes = this.#nodes;
    const count = nodes.count(source);
    let to = nodes.count(target);
    for (let i = from; i < count; i++) {
      const address = nodes.entry(source, i);
      nodes.setEntry(target, to++, address);
      this.#heap.setLeaf(address, target);
    }
    nodes.setCount(source, from);
    nodes.setCount(target, to);
  }

  #linkAfter(node: number, added: number): void {
    const nodes = this.#nodes;
    const next = nodes.next(node);
    nodes.setNext(added, next);
    nodes.setPrevious(added, node);
    nodes.setNext(node, added);
    if (next !== NO_NODE) nodes.setPrevious(next, added);
  }

  #lowestUnder(node: number): number {
    return this.#nodes.level(node) === 0 ? this.#nodes.entry(node, 0) : this.#nodes.lowest(node, 0);
  }

  /** The first entry of the node has changed. */
  #carryLowestUp(node: number): void {
    const nodes = this.#nodes;
    const address = this.#lowestUnder(node);
    let child = node;
    for (let parent = nodes.parent(child); parent !== NO_NODE; parent = nodes.parent(child)) {
      const at = nodes.positionOf(parent, child);
      nodes.setLowest(parent, at, address);
      if (at > 0) return;
      child = parent;
    }
  }

  /** Enters a node, split off from `left` and linked after it, into the parent of `left`. */
  #insertIntoParent(left: number, right: number): void {
    const nodes = this.#nodes;
    let parent = nodes.parent(left);
    if (parent === NO_NODE) {
      parent = nodes.allocate(nodes.level(left) + 1);
      this.#root = parent;
      this.#insertChild(parent, 0, left);
    }
    if (nodes.count(parent) === CHILDREN_MAX) parent = this.#splitInner(parent, left);
    this.#insertChild(parent, nodes.positionOf(parent, left) + 1, right);
  }

  /** Splits a full inner node and returns the part in which the child is. */
  #splitInner(node: number, child: number): number {
    const nodes = this.#nodes;
    const right = nodes.allocate(nodes.level(node));
    const at = nodes.positionOf(node, child);
    const isAtEnd = at === CHILDREN_MAX - 1 && nodes.next(node) === NO_NODE;
    // As in leaves: nodes that fill from left to right stay full. The child itself goes along, so that neither is empty.
    const keep = isAtEnd ? CHILDREN_MAX - 1 : CHILDREN_MAX / 2;
    for (let i = keep; i < CHILDREN_MAX; i++) this.#insertChild(right, i - keep, nodes.entry(node, i));
    nodes.setCount(node, keep);
    this.#linkAfter(node, right);
    this.#insertIntoParent(node, right);
    return at < keep ? node : right;
  }

  #insertChild(parent: number, at: number, child: number): void {
    const nodes = this.#nodes;
    const count = nodes.count(parent);
    const words = nodes.words(parent);
    const children = nodes.entriesAt(parent);
    const lowest = children + CHILDREN_MAX;
    words.copyWithin(children + at + 1, children + at, children + count);
    words.copyWithin(lowest + at + 1, lowest + at, lowest + count);
    nodes.setEntry(parent, at, child);
    nodes.setLowest(parent, at, this.#lowestUnder(child));
    nodes.setCount(parent, count + 1);
    nodes.setParent(child, parent);
  }

  /** Takes a node without entries out of the tree, and its parents as far as that leaves them empty. */
  #removeEmpty(emptied: number): void {
    const nodes = this.#nodes;
    let node = emptied;
    // The last leaf stays, as the root of an empty tree.
    while (node !== this.#root) {
      const parent = nodes.parent(node);
      this.#removeChild(parent, nodes.positionOf(parent, node));
      this.#unlink(node);
      nodes.release(node);
      if (nodes.count(parent) > 0) {
        this.#lowerRoot();
        return;
      }
      node = parent;
    }
    if (nodes.level(node) === 0) return;
    nodes.release(node);
    this.#root = nodes.allocate(0);
  }

  #removeChild(parent: number, at: number): void {
    const nodes = this.#nodes;
    const count = nodes.count(parent) - 1;
    const words = nodes.words(parent);
    const children = nodes.entriesAt(parent);
    const lowest = children + CHILDREN_MAX;
    words.copyWithin(children + at, children + at + 1, children + count + 1);
    words.copyWithin(lowest + at, lowest + at + 1, lowest + count + 1);
    nodes.setCount(parent, count);
    if (at === 0 && count > 0) this.#carryLowestUp(parent);
  }

  #unlink(node: number): void {
    const nodes = this.#nodes;
    const next = nodes.next(node);
    const previous = nodes.previous(node);
    if (next !== NO_NODE) nodes.setPrevious(next, previous);
    if (previous !== NO_NODE) nodes.setNext(previous, next);
  }

  /** Merges a leaf that has become small with a neighbour under the same parent, if there is room. */
  #mergeLeaf(leaf: number): void {
    const nodes = this.#nodes;
    const next = nodes.next(leaf);
    if (this.#canMerge(leaf, next)) this.#mergeInto(leaf, next);
    const previous = nodes.previous(leaf);
    if (this.#canMerge(previous, leaf)) this.#mergeInto(previous, leaf);
    this.#lowerRoot();
  }

  #canMerge(left: number, right: number): boolean {
    if (left === NO_NODE || right === NO_NODE) return false;
    const nodes = this.#nodes;
    if (nodes.parent(left) !== nodes.parent(right)) return false;
    return nodes.count(left) + nodes.count(right) <= LEAF_ENTRIES_MAX * MERGED_PART;
  }

  #mergeInto(left: number, right: number): void {
    const parent = this.#nodes.parent(right);
    this.#moveEntries(right, 0, left);
    this.#removeChild(parent, this.#nodes.positionOf(parent, right));
    this.#unlink(right);
    this.#nodes.release(right);
  }

  /** A root with one child gives way to it. */
  #lowerRoot(): void {
    const nodes = this.#nodes;
    while (nodes.level(this.#root) > 0 && nodes.count(this.#root) === 1) {
      const child = nodes.entry(this.#root, 0);
      nodes.release(this.#root);
      nodes.setParent(child, NO_NODE);
      this.#root = child;
    }
  }
}
