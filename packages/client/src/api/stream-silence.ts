/** A stream on which something must come every so often may be silent for twice as long and this, in milliseconds. */
const silenceGraceMs = 3000;

/**
 * Ends one attempt at a stream that has fallen silent. A node that hangs, or that lost its network without a word, looks like
 * one to which nothing happens; but a watch hears marks of progress.
 */
export class StreamSilence implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #limitMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onOuterAbort = (): void => this.#controller.abort(this.#outer.reason);

  /** @param outer ends the attempt as well. */
  constructor(outer: AbortSignal, intervalMs: number) {
    this.#outer = outer;
    this.#limitMs = 2 * intervalMs + silenceGraceMs;
    if (outer.aborted) this.#onOuterAbort();
    else outer.addEventListener("abort", this.#onOuterAbort);
  }

  /** For the attempt's call. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The next message is waited for. */
  begin(): void {
    this.#timer = setTimeout(() => this.#controller.abort(), this.#limitMs);
  }

  /** It came. */
  end(): void {
    clearTimeout(this.#timer);
  }

  /** The attempt is over; what is left of its call ends. */
  [Symbol.dispose](): void {
    this.end();
    this.#outer.removeEventListener("abort", this.#onOuterAbort);
    this.#controller.abort();
  }
}
