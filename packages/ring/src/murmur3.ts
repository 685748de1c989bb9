/**
 * MurmurHash3_x86_32 (Austin Appleby, public domain) of bytes, and of a string's UTF-8 bytes without making them.
 *
 * A router hashes every key of every request, and most keys are short ASCII strings. Encoding such a key first
 * (`TextEncoder`, `Buffer.from`) costs several times what hashing it does. So `murmur3Ascii` reads the string's code
 * units as bytes and gives up at the first one that is none; such a key is hashed again, from the start, by
 * `murmur3Utf8`. All three functions agree on equal bytes.
 *
 * They return the hash as a signed number, because V8 hands those from call to call as they are, while an unsigned one
 * of 2^31 and above would be put on the heap: a quarter of the time of a lookup. `>>> 0` makes it unsigned.
 *
 * The hash is not a defence: anyone can find keys that collide.
 */

import { RingError } from "./ring-error.ts";

/** What {@link murmur3Ascii} returns when the text is not plain: beyond every 32-bit number, signed or not. */
export const NOT_PLAIN: number = 2 ** 32;

/** For `stopAt` of {@link murmur3Ascii}: no character stops it. */
export const NEVER = -1;

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function mixBlock(state: number, block: number): number {
  const mixed = state ^ scramble(block);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(state: number, byteLength: number): number {
  let hash = state ^ byteLength;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/**
 * Hash of `bytes[start, end)` as a signed 32-bit number.
 * @param seed unsigned 32-bit; the ring and the slots use 0.
 */
export function murmur3Bytes(bytes: Uint8Array, start: number, end: number, seed: number): number {
  const tailStart = start + ((end - start) & ~3);
  let state = seed | 0;
  for (let at = start; at < tailStart; at += 4) {
    const block = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    state = mixBlock(state, block);
  }
  let tail = 0;
  for (let at = end - 1; at >= tailStart; at--) tail = (tail << 8) | bytes[at]!;
  // A tail of zero bytes, or none, scrambles to zero and changes nothing, as the algorithm wants.
  return finish(state ^ scramble(tail), end - start);
}

/**
 * Hash (seed 0) of the characters `text[start, end)`, or {@link NOT_PLAIN} when one of them is not ASCII or is
 * `stopAt`, a character code. Looking for that character on the way is free; a search of its own would not be.
 */
export function murmur3Ascii(text: string, start: number, end: number, stopAt: number): number {
  const tailStart = start + ((end - start) & ~3);
  let state = 0;
  for (let at = start; at < tailStart; at += 4) {
    const first = text.charCodeAt(at);
    const second = text.charCodeAt(at + 1);
    const third = text.charCodeAt(at + 2);
    const fourth = text.charCodeAt(at + 3);
    if (first === stopAt || second === stopAt || third === stopAt || fourth === stopAt) return NOT_PLAIN;
    if ((first | second | third | fourth) > 0x7f) return NOT_PLAIN;
    state = mixBlock(state, first | (second << 8) | (third << 16) | (fourth << 24));
  }
  let tail = 0;
  for (let at = end - 1; at >= tailStart; at--) {
    const last = text.charCodeAt(at);
    if (last === stopAt || last > 0x7f) return NOT_PLAIN;
    tail = (tail << 8) | last;
  }
  return finish(state ^ scramble(tail), end - start);
}

/**
 * Hash (seed 0) of the UTF-8 encoding of `text[start, end)`.
 * @throws RingError `INVALID_KEY` at a lone surrogate: it has no UTF-8 encoding, and an encoder that replaces it would
 * give different keys the same bytes.
 */
export function murmur3Utf8(text: string, start: number, end: number): number {
  let state = 0;
  let block = 0;
  let byteLength = 0;
  for (let at = start; at < end; at++) {
    const unit = text.charCodeAt(at);
    // The character's bytes, the first one lowest, as they will stand in a little-endian block.
    let encoded = unit;
    let count = 1;
    if (unit > 0x7f) {
      if (unit < 0x800) {
        encoded = 0xc0 | (unit >> 6) | (continuation(unit) << 8);
        count = 2;
      } else if ((unit & 0xf800) === 0xd800) {
        const point = codePointOfPair(text, at, end);
        at++;
        encoded =
          0xf0 |
          (point >> 18) |
          (continuation(point >> 12) << 8) |
          (continuation(point >> 6) << 16) |
          (continuation(point) << 24);
        count = 4;
      } else {
        encoded = 0xe0 | (unit >> 12) | (continuation(unit >> 6) << 8) | (continuation(unit) << 16);
        count = 3;
      }
    }
    const usedBytes = byteLength & 3;
    block |= encoded << (usedBytes * 8);
    byteLength += count;
    if (usedBytes + count >= 4) {
      state = mixBlock(state, block);
      // Shifting by 32 would shift by nothing: a block that began empty leaves nothing over.
      block = usedBytes === 0 ? 0 : encoded >>> (32 - usedBytes * 8);
    }
  }
  return finish(state ^ scramble(block), byteLength);
}

function continuation(bits: number): number {
  return 0x80 | (bits & 0x3f);
}

function codePointOfPair(text: string, at: number, end: number): number {
  const high = text.charCodeAt(at);
  const low = at + 1 < end ? text.charCodeAt(at + 1) : 0;
  if ((high & 0xfc00) !== 0xd800 || (low & 0xfc00) !== 0xdc00) {
    throw new RingError(
      "INVALID_KEY",
      `The string holds a lone surrogate at index ${at}, which no UTF-8 can express; pass bytes, or repair it with toWellFormed().`,
      { field: "key" },
    );
  }
  return 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
}
