/** Which nodes' messages do not arrive where: the state of the network between the nodes of a development cluster. */
export class LinkFaults {
  /** `from>to` for each direction that is cut. */
  readonly #cut = new Set<string>();
  /** Milliseconds by `from>to` for each direction that is slow. */
  readonly #delays = new Map<string, number>();
  readonly #listeners = new Set<() => void>();

  /** Whether messages of one node do not reach another. */
  isCut(from: number, to: number): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  /** How much later messages of one node arrive at another, in milliseconds. */
  delayMs(from: number, to: number): number {
    return this.#delays.get(`${from}>${to}`) ?? 0;
  }

  /** The directions that are cut, as `[from, to]`, in order. */
  get directions(): [number, number][] {
    return [...this.#cut]
      .map((pair) => pair.split(">").map(Number) as [number, number])
      .toSorted(([from, to], [otherFrom, otherTo]) => from - otherFrom || to - otherTo);
  }

  /** Messages from one node no longer reach the other; the other way they still do. */
  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
    this.#changed();
  }

  /** From now on messages from one node arrive at the other this much later. */
  slow(from: number, to: number, delayMs: number): void {
    this.#delays.set(`${from}>${to}`, delayMs);
  }

  /**
   * Nodes in different groups no longer reach each other; what was cut before is whole again unless it is between groups.
   * Nodes that are in no group form one more: the side that has no number.
   */
  partition(groups: readonly (readonly number[])[], all: readonly number[]): void {
    const sideOf = new Map(groups.flatMap((side, index) => side.map((node) => [node, index])));
    this.#cut.clear();
    for (const from of all) {
      for (const to of all) if (sideOf.get(from) !== sideOf.get(to)) this.#cut.add(`${from}>${to}`);
    }
    this.#changed();
  }

  /** Everything arrives again, at once. */
  heal(): void {
    this.#cut.clear();
    this.#delays.clear();
    this.#changed();
  }

  /** Calls `listener` after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
