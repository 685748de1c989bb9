/** Random numbers that are the same for the same seed, on every machine. */
export type Random = () => number;

const twoTo32 = 2 ** 32;

/** FNV-1a: spreads a name over 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  return hash >>> 0;
}

/**
 * Numbers in [0, 1) for one input: each input has a stream of its own, so that any of them can be made again without
 * those before it.
 */
export function randomFor(target: string, seed: number, index: number): Random {
  // sfc32, by Chris Doty-Humphrey.
  let a = hashOf(target);
  let b = seed >>> 0;
  let c = index >>> 0;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / twoTo32;
  };
  for (let warmUp = 0; warmUp < 12; warmUp += 1) next();
  return next;
}

/** A whole number from 0 to `limit - 1`. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** One of them. */
export function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[below(random, items.length)];
  if (item === undefined) throw new Error("there is nothing to pick from");
  return item;
}
