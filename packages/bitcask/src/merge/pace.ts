import { BitcaskError } from "../errors.ts";

/**
 * Keeps a merge from taking the disk or the event loop for itself: at most so many bytes a second, and even without a limit
 * never more than a short slice of time between two turns of the event loop, because a put that waits for its turn waits
 * for the slice to end. Also where a merge notices that it has been cancelled.
 */
export class Pace {
  readonly #bytesPerSecond: number;
  readonly #signal: AbortSignal | undefined;
  readonly #startedAt: number = performance.now();
  #bytes = 0;
  #sliceEndsAt: number = performance.now() + sliceMs;
  #asked = 0;

  constructor(options: { bytesPerSecond: number; signal: AbortSignal | undefined }) {
    this.#bytesPerSecond = options.bytesPerSecond;
    this.#signal = options.signal;
  }

  /** Call after having read or written that much. Resolves when it is time to go on; CANCELLED if it never is. */
  async spent(bytes: number): Promise<void> {
    this.#bytes += bytes;
    const dueInMs = (this.#bytes / this.#bytesPerSecond) * 1000 - (performance.now() - this.#startedAt);
    if (dueInMs >= 1) await this.#sleep(Math.min(dueInMs, longestSleepMs));
    await this.turn();
    this.refuseIfCancelled();
  }

  /** Whether it is time for a {@link turn}. Cheap enough to ask for every record. */
  get isSliceOver(): boolean {
    return ++this.#asked % asksPerLook === 0 && performance.now() >= this.#sliceEndsAt;
  }

  /** Lets the event loop run once. */
  async turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#sliceEndsAt = performance.now() + sliceMs;
  }

  refuseIfCancelled(): void {
    if (this.#signal?.aborted === true)
      throw new BitcaskError("CANCELLED", "the merge was cancelled; nothing has changed");
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#signal?.addEventListener("abort", done);
    });
  }
}

/** Less than a sync takes, so that a group of writes that became durable meanwhile hardly waits for the merge. */
const sliceMs = 0.25;

/** Looking at the clock costs as much as a good part of a record. */
const asksPerLook = 16;

/** So that a very low rate does not turn into one very long sleep. */
const longestSleepMs = 1000;
