/** Four 32-bit words of state, filled from one seed. */
type State = [number, number, number, number];

/**
 * A seeded source of random numbers (xoshiro128**, by Blackman and Vigna): the same seed gives the same numbers on every
 * machine, so a simulation can be replayed.
 */
export class Random {
  readonly #state: State;

  constructor(seed: number) {
    // The generator must not start from zeros: spread the seed with a mixing function first.
    let mixed = seed >>> 0;
    const word = (): number => {
      mixed = (mixed + 0x9e37_79b9) >>> 0;
      let value = mixed;
      value = Math.imul(value ^ (value >>> 16), 0x21f0_aaad);
      value = Math.imul(value ^ (value >>> 15), 0x735a_2d97);
      return (value ^ (value >>> 15)) >>> 0;
    };
    this.#state = [word(), word(), word(), word()];
  }

  /** An integer in `[0, 2^32)`. */
  next(): number {
    const state = this.#state;
    const scrambled = Math.imul(state[1], 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = (state[3] << 11) | (state[3] >>> 21);
    return result;
  }

  /** A number in `[0, 1)`. */
  fraction(): number {
    return this.next() / 0x1_0000_0000;
  }

  /** An integer in `[0, bound)`. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  /** A number in `[low, high)`. */
  between(low: number, high: number): number {
    return low + this.fraction() * (high - low);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of some things; there must be at least one. */
  pick<Thing>(things: readonly Thing[]): Thing {
    const thing = things[this.below(things.length)];
    if (thing === undefined) throw new RangeError("There is nothing to pick from.");
    return thing;
  }

  /** The same things in another order. */
  shuffled<Thing>(things: readonly Thing[]): Thing[] {
    const result = [...things];
    for (let last = result.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      [result[last], result[other]] = [result[other]!, result[last]!];
    }
    return result;
  }
}
