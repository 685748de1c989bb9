import { murmur3Ascii, murmur3Bytes, murmur3Utf8, NEVER, NOT_PLAIN } from "./murmur3.ts";
import { RingError } from "./ring-error.ts";

/** A key: a string, which stands for its UTF-8 bytes, or the bytes themselves. Equal bytes are the same key. */
export type RingKey = string | Uint8Array;

/**
 * The position of a key on every ring: MurmurHash3_x86_32 with seed 0 of its bytes, an unsigned 32-bit number. It is
 * part of the package's contract and never changes; README.md has test vectors for other languages. Allocates nothing.
 * @throws RingError `INVALID_KEY` when the key is neither a string nor a `Uint8Array`, or holds a lone surrogate.
 */
export function hashKey(key: RingKey): number {
  return signedHashOf(key) >>> 0;
}

/** {@link hashKey} as a signed 32-bit number, which costs less to hand on; murmur3.ts says why. */
export function signedHashOf(key: RingKey): number {
  if (typeof key !== "string") return murmur3Bytes(checkedBytes(key), 0, key.length, 0);
  const hash = murmur3Ascii(key, 0, key.length, NEVER);
  return hash === NOT_PLAIN ? murmur3Utf8(key, 0, key.length) : hash;
}

/** @throws RingError `INVALID_KEY` when the key is not a `Uint8Array`. */
export function checkedBytes(key: Uint8Array): Uint8Array {
  // The tag also knows a Uint8Array of another realm (a vm context, as some test runners use); instanceof does not.
  if (key instanceof Uint8Array || Object.prototype.toString.call(key) === "[object Uint8Array]") return key;
  throw new RingError("INVALID_KEY", `A key is a string or a Uint8Array, not ${typeof key}.`, {
    field: "key",
  });
}
