/** Random numbers that a seed determines, so that a schedule of faults can be repeated. */

/** A generator of its own for each purpose: what one draws does not shift what another one gets. */
export class Random {
  #state: number;

  constructor(seed: number, purpose: string) {
    let state = seed | 0;
    for (const character of purpose) state = Math.imul(state ^ character.codePointAt(0)!, 0x0100_0193);
    this.#state = state;
  }

  /** At least 0 and less than 1 (the generator "mulberry32"). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer, both ends included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.between(0, items.length - 1)];
    if (item === undefined) throw new RangeError("there is nothing to pick from");
    return item;
  }

  /** Some of the items, in random order. */
  sample<Item>(items: readonly Item[], count: number): Item[] {
    const rest = [...items];
    return Array.from({ length: Math.min(count, rest.length) }, () => {
      return rest.splice(this.between(0, rest.length - 1), 1)[0]!;
    });
  }
}
