import { setTimeout as sleep } from "node:timers/promises";

/** Keeps a stream below a rate: whoever has sent too much waits until it is right again. */
export class Pace {
  readonly #maxBytesPerSecond: number;
  readonly #now: () => number;
  /** When the bytes sent so far would have been sent at the full rate. */
  #dueMs: number;

  /** 0 means no limit. `now` is a monotonic clock in milliseconds. */
  constructor(maxBytesPerSecond: number, now: () => number) {
    this.#maxBytesPerSecond = maxBytesPerSecond;
    this.#now = now;
    this.#dueMs = now();
  }

  /** Resolves when the next bytes may be sent. @throws the signal's reason. */
  async sent(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#maxBytesPerSecond === 0) return;
    // Time in which nothing was sent is not made up for by a burst.
    this.#dueMs = Math.max(this.#dueMs, this.#now()) + (bytes * 1000) / this.#maxBytesPerSecond;
    const waitMs = this.#dueMs - this.#now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
  }
}
