/**
 * The hash of the keydir: HalfSipHash-1-3 with 64 bits of output.
 *
 * Keys come from outside, so whoever chooses them must not be able to choose ones that collide. Hashes in the style of Murmur or
 * xxHash do not give that: for them sets of keys are known that collide under every seed. SipHash is a pseudorandom function (Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF", 2012), and its half-width form needs only the 32-bit arithmetic that JavaScript has.
 */

/** Hashes keys without allocating: the result is left in two fields. */
export interface KeyHash {
  /** Upper 32 bits of the last result, unsigned. */
  readonly high: number;
  /** Lower 32 bits of the last result, unsigned. */
  readonly low: number;
  /** Hashes `bytes[start, end)` into {@link high} and {@link low}. */
  update(bytes: Uint8Array, start: number, end: number): void;
}

/** HalfSipHash-1-3 under a 64-bit key. */
export class HalfSipHash implements KeyHash {
  high = 0;
  low = 0;
  readonly #key0: number;
  readonly #key1: number;

  constructor(seed: bigint) {
    this.#key0 = Number(BigInt.asUintN(32, seed)) | 0;
    this.#key1 = Number(BigInt.asUintN(32, seed >> 32n)) | 0;
  }

  update(bytes: Uint8Array, start: number, end: number): void {
    let v0 = this.#key0;
    let v1 = this.#key1 ^ 0xee;
    let v2 = this.#key0 ^ 0x6c796765;
    let v3 = this.#key1 ^ 0x74656462;

    const length = end - start;
    const tailBytes = length & 3;
    const wordsEnd = end - tailBytes;
    let word = 0;
    // One turn per word, and one more for the last word, which carries the odd bytes and the length.
    for (let i = start; i <= wordsEnd; i += 4) {
      if (i < wordsEnd) {
        word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
      } else {
        word = length << 24;
        if (tailBytes > 2) word |= bytes[i + 2]! << 16;
        if (tailBytes > 1) word |= bytes[i + 1]! << 8;
        if (tailBytes > 0) word |= bytes[i]!;
      }
      v3 ^= word;
      // The round is written out here and below: as a function it would have to return four numbers.
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }

    v2 ^= 0xee;
    for (let round = 0; round < 6; round++) {
      if (round === 3) {
        this.high = (v1 ^ v3) >>> 0;
        v1 ^= 0xdd;
      }
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    this.low = (v1 ^ v3) >>> 0;
  }
}
