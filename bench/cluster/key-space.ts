/** Keys and values of a run: the same for every system. */

/** Length of every key, in bytes. */
export const keyBytes = 16;
const prefix = "key:";

/** The keys of a key space, each 16 bytes of ASCII. */
export function keysOf(count: number): string[] {
  return Array.from(
    { length: count },
    (_none, index) => prefix + String(index).padStart(keyBytes - prefix.length, "0"),
  );
}

/** Numbers from 0 up to 2^32, the same ones for the same seed (xorshift). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/** A value that no one can compress. */
export function valueOf(bytes: number): Buffer {
  const next = randomNumbers(bytes);
  const value = Buffer.alloc(bytes);
  for (let index = 0; index < bytes; index += 1) value[index] = next() >>> 24;
  return value;
}
