/** Chunks between whoever receives them and whoever reads them: an iterable that can be filled from outside. */
export class ChunkQueue implements AsyncIterable<Uint8Array> {
  readonly #chunks: { readonly data: Uint8Array; readonly taken: () => void }[] = [];
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /** Adds a chunk; `taken` is called when it has been read. */
  push(data: Uint8Array, taken: () => void): void {
    this.#chunks.push({ data, taken });
    this.#notify();
  }

  /** Nothing follows. */
  end(): void {
    this.#ended = true;
    this.#notify();
  }

  /** Nothing follows, and what was read so far is worthless: the reader gets the error. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#notify();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        yield chunk.data;
        chunk.taken();
      } else if (this.#ended) return;
      else {
        // eslint-disable-next-line no-await-in-loop -- a queue is read one by one
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
