/** What bounds the appends under way to one peer. */
export interface InflightLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/**
 * The appends that were sent to a peer and not answered yet: a queue of the last index and the size of each, in the order
 * sent. The limit on bytes is soft: one message may overshoot it, so that an entry of any size can be sent.
 */
export class Inflights {
  readonly #limits: InflightLimits;
  // Parallel arrays with a moving head: adding and releasing allocate nothing once the arrays have grown.
  #indexes: number[] = [];
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;

  constructor(limits: InflightLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#indexes.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.count >= this.#limits.maxMessages || this.#bytes >= this.#limits.maxBytes;
  }

  add(lastIndex: number, bytes: number): void {
    this.#indexes.push(lastIndex);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** The peer has everything up to and including this index. */
  release(index: number): void {
    while (this.#head < this.#indexes.length && this.#indexes[this.#head]! <= index) {
      this.#bytes -= this.#sizes[this.#head]!;
      this.#head += 1;
    }
    if (this.#head === this.#indexes.length) this.clear();
    else if (this.#head > this.#limits.maxMessages) this.#compact();
  }

  clear(): void {
    this.#indexes.length = 0;
    this.#sizes.length = 0;
    this.#head = 0;
    this.#bytes = 0;
  }

  #compact(): void {
    this.#indexes = this.#indexes.slice(this.#head);
    this.#sizes = this.#sizes.slice(this.#head);
    this.#head = 0;
  }
}
