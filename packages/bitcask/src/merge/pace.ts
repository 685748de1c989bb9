import { BitcaskError } from "../errors.ts";

/**
 * Keeps a merge from taking the disk or the event loop for itself: at most so many bytes a second, and a turn of the
 * event loop now and then even without a limit. Also where a merge notices that it has been cancelled.
 */
export class Pace {
  readonly #bytesPerSecond: number;
  readonly #signal: AbortSignal | undefined;
  readonly #startedAt: number = performance.now();
  #bytes = 0;

  constructor(options: { bytesPerSecond: number; signal: AbortSignal | undefined }) {
    this.#bytesPerSecond = options.bytesPerSecond;
    this.#signal = options.signal;
  }

  /** Call after having read or written that much. Resolves when it is time to go on; CANCELLED if it never is. */
  async spent(bytes: number): Promise<void> {
    this.#bytes += bytes;
    const dueInMs = (this.#bytes / this.#bytesPerSecond) * 1000 - (performance.now() - this.#startedAt);
    if (dueInMs >= 1) await this.#sleep(Math.min(dueInMs, longestSleepMs));
    else await this.turn();
    this.refuseIfCancelled();
  }

  /** Lets the event loop run once. */
  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
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

/** So that a very low rate does not turn into one very long sleep. */
const longestSleepMs = 1000;
