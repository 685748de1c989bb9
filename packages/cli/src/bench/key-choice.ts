/** Which key comes next: some workloads ask for a few keys much more often than for the rest. */

/** Random numbers from 0 to 1 that repeat with their seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Gives numbers of keys, 0 up to the number of keys there are. */
export type KeyChooser = (keyCount: number) => number;

/** Every key is as likely as every other. */
export function uniformKeys(random: () => number): KeyChooser {
  return (keyCount) => Math.floor(random() * keyCount);
}

/** How uneven YCSB's requests are. */
const ycsbTheta = 0.99;

/** Gray et al., "Quickly generating billion-record synthetic databases", as YCSB uses it. */
class Zipfian {
  readonly #count: number;
  readonly #zeta: number;
  readonly #alpha: number;
  readonly #eta: number;
  readonly #secondShare: number;

  constructor(count: number) {
    let zeta = 0;
    for (let rank = 1; rank <= count; rank += 1) zeta += 1 / rank ** ycsbTheta;
    this.#count = count;
    this.#zeta = zeta;
    this.#alpha = 1 / (1 - ycsbTheta);
    this.#secondShare = 1 + 0.5 ** ycsbTheta;
    this.#eta = (1 - (2 / count) ** (1 - ycsbTheta)) / (1 - this.#secondShare / zeta);
  }

  rank(random: number): number {
    const scaled = random * this.#zeta;
    if (scaled < 1) return 0;
    if (scaled < this.#secondShare) return 1;
    const rank = Math.floor(this.#count * (this.#eta * random - this.#eta + 1) ** this.#alpha);
    return Math.min(this.#count - 1, Math.max(0, rank));
  }
}

/**
 * Some keys are asked for much more often; which ones has nothing to do with their order. It stays with those that were there
 * in the beginning: if keys that are inserted shifted the choice, other keys would be hot after each insert.
 */
export function zipfianKeys(random: () => number, keyCount: number): KeyChooser {
  const zipfian = new Zipfian(keyCount);
  return () => (Math.imul(zipfian.rank(random()), 0x9e3779b1) >>> 0) % keyCount;
}

/** The newest keys are asked for most. */
export function latestKeys(random: () => number, keyCount: number): KeyChooser {
  const zipfian = new Zipfian(keyCount);
  return (present) => Math.max(0, present - 1 - zipfian.rank(random()));
}
