/**
 * Which keys there are while some are being inserted. Inserts are answered in any order; a key counts once it and all before
 * it are written, so that nobody asks for the newest key before it exists.
 */
export class InsertedKeys {
  readonly #early = new Set<number>();
  #present: number;
  #next: number;

  /** @param count keys that are there already: 0 to `count` - 1. */
  constructor(count: number) {
    this.#present = count;
    this.#next = count;
  }

  /** Keys from 0 on that are written. */
  get present(): number {
    return this.#present;
  }

  /** The number of a new key, whatever becomes of it. */
  take(): number {
    this.#next += 1;
    return this.#next - 1;
  }

  /** A key that was taken is written. */
  written(key: number): void {
    this.#early.add(key);
    while (this.#early.delete(this.#present)) this.#present += 1;
  }
}
