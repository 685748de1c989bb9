/**
 * Layout of a record in memory, and access to its fields. A record has an address in the page pool, and consists of words:
 *
 *     0  offset, lower 32 bits
 *     1  size
 *     2  sequence number, lower 32 bits
 *     3  sequence number, upper 21 bits | offset, upper 8 bits << 21 | has expiry << 29 | route, lower 2 bits << 30
 *     4  short name of the file, 16 bits | route, upper 16 bits << 16
 *        leaf of the ordered index that refers to this record        (1 word, only in an ordered keydir)
 *        expiry, lower 32 bits; expiry, upper 21 bits                (2 words, only if the record expires)
 *        key length, 16 bits; key bytes; up to 3 bytes of padding    (only in full mode)
 *
 * The route is the upper 18 bits of the key's hash. It names the segment that owns the record, however finely segments are split, and in
 * fingerprint mode it is the part of the fingerprint that is kept here (the slot that points here keeps the rest).
 *
 * Everything up to and including the key length lies on one page; key bytes may continue on further pages.
 */
import type { FileRefs } from "./file-refs.ts";
import type { ReadKey } from "./keydir.ts";
import {
  CHUNK_MASK,
  CHUNK_SHIFT,
  PAGE_BYTES,
  PAGE_WORDS,
  PAGE_WORDS_LOG2,
  type PagePool,
} from "./page-pool.ts";
import type { RecordPlace } from "./record-place.ts";

/** Bits of the hash that a record keeps. Also the deepest that segments are split: 2^18 of them. */
export const ROUTE_BITS = 18;
/** `hash.high >>> ROUTE_SHIFT` is the route. */
export const ROUTE_SHIFT: number = 32 - ROUTE_BITS;
/** Longest key, in bytes: its length is kept in 16 bits. */
export const KEY_BYTES_MAX = 65_535;
/** Words at the start of a record that lie on one page, unless the record is shorter. */
export const HEAD_WORDS_MAX = 9;

const FIXED_WORDS = 5;
const EXPIRY_WORDS = 2;
const KEY_LENGTH_BYTES = 2;
const TWO_TO_32 = 2 ** 32;
const SEQ_HIGH_MASK = 0x1f_ffff;
const OFFSET_HIGH_SHIFT = 21;
const OFFSET_HIGH_MASK = 0xff;
const HAS_EXPIRY = 1 << 29;
const ROUTE_LOW_SHIFT = 30;
const FILE_REF_MASK = 0xffff;

/** A place that is filled in again and again. */
export interface MutablePlace {
  fileId: number;
  offset: number;
  size: number;
  seq: number;
  expiresAtMs: number;
}

/** What a heap keeps with each record, and where the rest is. */
export interface RecordHeapOptions {
  readonly pool: PagePool;
  readonly files: FileRefs;
  /** Leave room for the leaf of an ordered index. */
  readonly ordered: boolean;
  /** Given in fingerprint mode: keys are not kept, but read. */
  readonly readKey: ReadKey | undefined;
}

/** Reads and writes records at addresses of a page pool. It does not allocate them: segments do. */
export class RecordHeap {
  readonly pool: PagePool;
  readonly files: FileRefs;
  readonly keepsKeys: boolean;
  readonly ordered: boolean;
  readonly #words: Uint32Array[];
  readonly #bytes: Uint8Array[];
  readonly #readKey: ReadKey | undefined;
  readonly #leafWords: number;

  constructor(options: RecordHeapOptions) {
    this.pool = options.pool;
    this.files = options.files;
    this.ordered = options.ordered;
    this.keepsKeys = options.readKey === undefined;
    this.#words = options.pool.words;
    this.#bytes = options.pool.bytes;
    this.#readKey = options.readKey;
    this.#leafWords = options.ordered ? 1 : 0;
  }

  /** Words that a new record needs. */
  wordsFor(keyLength: number, expires: boolean): number {
    const head = FIXED_WORDS + this.#leafWords + (expires ? EXPIRY_WORDS : 0);
    return this.keepsKeys ? head + ((KEY_LENGTH_BYTES + keyLength + 3) >>> 2) : head;
  }

  /** Words of the record at the address. */
  wordsAt(address: number): number {
    return this.wordsFor(this.keepsKeys ? this.keyLengthAt(address) : 0, this.hasExpiry(address));
  }

  hasExpiry(address: number): boolean {
    return (this.#words[address >>> CHUNK_SHIFT]![(address & CHUNK_MASK) + 3]! & HAS_EXPIRY) !== 0;
  }

  fileRefAt(address: number): number {
    return this.#words[address >>> CHUNK_SHIFT]![(address & CHUNK_MASK) + 4]! & FILE_REF_MASK;
  }

  fileIdAt(address: number): number {
    return this.files.fileId(this.fileRefAt(address));
  }

  offsetAt(address: number): number {
    const words = this.#words[address >>> CHUNK_SHIFT]!;
    const at = address & CHUNK_MASK;
    return ((words[at + 3]! >>> OFFSET_HIGH_SHIFT) & OFFSET_HIGH_MASK) * TWO_TO_32 + words[at]!;
  }

  sizeAt(address: number): number {
    return this.#words[address >>> CHUNK_SHIFT]![(address & CHUNK_MASK) + 1]!;
  }

  seqAt(address: number): number {
    const words = this.#words[address >>> CHUNK_SHIFT]!;
    const at = address & CHUNK_MASK;
    return (words[at + 3]! & SEQ_HIGH_MASK) * TWO_TO_32 + words[at + 2]!;
  }

  expiresAtMsAt(address: number): number {
    if (!this.hasExpiry(address)) return 0;
    const words = this.#words[address >>> CHUNK_SHIFT]!;
    const at = (address & CHUNK_MASK) + FIXED_WORDS + this.#leafWords;
    return words[at + 1]! * TWO_TO_32 + words[at]!;
  }

  routeAt(address: number): number {
    const words = this.#words[address >>> CHUNK_SHIFT]!;
    const at = address & CHUNK_MASK;
    return ((words[at + 4]! >>> 16) << 2) | (words[at + 3]! >>> ROUTE_LOW_SHIFT);
  }

  /** Leaf of the ordered index that refers to the record. Ordered keydirs only. */
  leafAt(address: number): number {
    return this.#words[address >>> CHUNK_SHIFT]![(address & CHUNK_MASK) + FIXED_WORDS]!;
  }

  setLeaf(address: number, leaf: number): void {
    this.#words[address >>> CHUNK_SHIFT]![(address & CHUNK_MASK) + FIXED_WORDS] = leaf;
  }

  /** Copies the place out of the record. */
  readPlace(address: number, into: MutablePlace): void {
    into.fileId = this.fileIdAt(address);
    into.offset = this.offsetAt(address);
    into.size = this.sizeAt(address);
    into.seq = this.seqAt(address);
    into.expiresAtMs = this.expiresAtMsAt(address);
  }

  /** Writes everything but the leaf and the key. The record must have been allocated with or without expiry as the place has one. */
  writePlace(address: number, route: number, fileRef: number, place: RecordPlace): void {
    const words = this.#words[address >>> CHUNK_SHIFT]!;
    const at = address & CHUNK_MASK;
    const { offset, seq, expiresAtMs } = place;
    const offsetHigh = Math.floor(offset / TWO_TO_32);
    const seqHigh = Math.floor(seq / TWO_TO_32);
    // A typed array keeps a number modulo 2^32: the lower words need no arithmetic.
    words[at] = offset;
    words[at + 1] = place.size;
    words[at + 2] = seq;
    words[at + 3] =
      seqHigh |
      (offsetHigh << OFFSET_HIGH_SHIFT) |
      (expiresAtMs === 0 ? 0 : HAS_EXPIRY) |
      (route << ROUTE_LOW_SHIFT);
    words[at + 4] = fileRef | ((route >>> 2) << 16);
    if (expiresAtMs === 0) return;
    words[at + FIXED_WORDS + this.#leafWords] = expiresAtMs;
    words[at + FIXED_WORDS + this.#leafWords + 1] = Math.floor(expiresAtMs / TWO_TO_32);
  }

  /** Writes the key of a record whose place has been written. Full mode only. */
  writeKey(address: number, key: Uint8Array, start: number, end: number): void {
    const length = end - start;
    let bytes = this.#bytes[address >>> CHUNK_SHIFT]!;
    let at = this.#keyLengthByte(address);
    bytes[at] = length;
    bytes[at + 1] = length >>> 8;
    at += KEY_LENGTH_BYTES;
    let page = address >>> PAGE_WORDS_LOG2;
    let pageEnd = this.#pageEndByte(address);
    for (let i = start; i < end; i++) {
      if (at === pageEnd) {
        page = this.pool.next[page]!;
        bytes = this.#bytes[page >>> (CHUNK_SHIFT - PAGE_WORDS_LOG2)]!;
        at = ((page << PAGE_WORDS_LOG2) & CHUNK_MASK) << 2;
        pageEnd = at + PAGE_BYTES;
      }
      bytes[at++] = key[i]!;
    }
  }

  keyLengthAt(address: number): number {
    const bytes = this.#bytes[address >>> CHUNK_SHIFT]!;
    const at = this.#keyLengthByte(address);
    return bytes[at]! | (bytes[at + 1]! << 8);
  }

  /** Key of the record in that place of a file. Fingerprint mode only. */
  readKeyOf(fileId: number, offset: number, size: number): Uint8Array {
    if (this.#readKey === undefined) throw new TypeError("keys are in memory: there is no need to read them");
    return this.#readKey(fileId, offset, size);
  }

  /** The key: a fresh copy, or what `readKey` returns. */
  keyAt(address: number): Uint8Array {
    if (!this.keepsKeys) return this.#read(address);
    const key = new Uint8Array(this.keyLengthAt(address));
    this.copyKey(address, key, 0);
    return key;
  }

  /** Copies the key to `target[at...]`. Full mode only. */
  copyKey(address: number, target: Uint8Array, at: number): void {
    let left = this.keyLengthAt(address);
    let from = this.#keyLengthByte(address) + KEY_LENGTH_BYTES;
    let page = address >>> PAGE_WORDS_LOG2;
    let bytes = this.#bytes[address >>> CHUNK_SHIFT]!;
    let to = at;
    let room = this.#pageEndByte(address) - from;
    for (;;) {
      const run = left < room ? left : room;
      for (let i = 0; i < run; i++) target[to + i] = bytes[from + i]!;
      left -= run;
      if (left === 0) return;
      to += run;
      page = this.pool.next[page]!;
      bytes = this.#bytes[page >>> (CHUNK_SHIFT - PAGE_WORDS_LOG2)]!;
      from = ((page << PAGE_WORDS_LOG2) & CHUNK_MASK) << 2;
      room = PAGE_BYTES;
    }
  }

  /** Whether the record belongs to the key. In fingerprint mode this reads the record, unless the routes already differ. */
  matches(address: number, route: number, key: Uint8Array, start: number, end: number): boolean {
    if (this.routeAt(address) !== route) return false;
    if (!this.keepsKeys) return sameBytes(this.#read(address), key, start, end);
    const length = end - start;
    const lengthAt = this.#keyLengthByte(address);
    const bytes = this.#bytes[address >>> CHUNK_SHIFT]!;
    if ((bytes[lengthAt]! | (bytes[lengthAt + 1]! << 8)) !== length) return false;
    const at = lengthAt + KEY_LENGTH_BYTES;
    if (at + length > this.#pageEndByte(address)) return this.compareKey(address, key, start, end) === 0;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== key[start + i]) return false;
    return true;
  }

  /** Order of a key and the record's key, unsigned by byte: negative if the given key is lower. Full mode only. */
  compareKey(address: number, key: Uint8Array, start: number, end: number): number {
    const recordLength = this.keyLengthAt(address);
    const common = Math.min(recordLength, end - start);
    let page = address >>> PAGE_WORDS_LOG2;
    let bytes = this.#bytes[address >>> CHUNK_SHIFT]!;
    let at = this.#keyLengthByte(address) + KEY_LENGTH_BYTES;
    let pageEnd = this.#pageEndByte(address);
    for (let i = 0; i < common; i++) {
      if (at === pageEnd) {
        page = this.pool.next[page]!;
        bytes = this.#bytes[page >>> (CHUNK_SHIFT - PAGE_WORDS_LOG2)]!;
        at = ((page << PAGE_WORDS_LOG2) & CHUNK_MASK) << 2;
        pageEnd = at + PAGE_BYTES;
      }
      const difference = key[start + i]! - bytes[at++]!;
      if (difference !== 0) return difference;
    }
    return end - start - recordLength;
  }

  #read(address: number): Uint8Array {
    return this.readKeyOf(this.fileIdAt(address), this.offsetAt(address), this.sizeAt(address));
  }

  /** Byte in the record's chunk at which the key length is. */
  #keyLengthByte(address: number): number {
    const words = FIXED_WORDS + this.#leafWords + (this.hasExpiry(address) ? EXPIRY_WORDS : 0);
    return ((address & CHUNK_MASK) + words) << 2;
  }

  /** Byte in the record's chunk at which its first page ends. */
  #pageEndByte(address: number): number {
    return ((address & CHUNK_MASK & ~(PAGE_WORDS - 1)) + PAGE_WORDS) << 2;
  }
}

function sameBytes(bytes: Uint8Array, key: Uint8Array, start: number, end: number): boolean {
  if (bytes.length !== end - start) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== key[start + i]) return false;
  return true;
}
