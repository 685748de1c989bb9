/**
 * A bound on how much retries may add to the load of a cluster that is in trouble already.
 *
 * Backoff alone does not bound it: ten thousand callers that each wait a second are ten thousand requests a second. The
 * budget is a token bucket: answers and time put tokens in, each repeated attempt takes one. A retry that finds the bucket
 * empty is not dropped but waits for its token: calls fail only when their own time is over, and the load stays bounded.
 */
export interface RetryBudgetOptions {
  /** Retries that may happen at once, for instance when a connection with everything under way breaks. Default 4096. */
  readonly capacity: number;
  /** Tokens for each answered operation. Default 0.2: in the long run at most a fifth more load. */
  readonly perAnswer: number;
  /** Tokens for each second, so that a client that gets no answers at all goes on trying. Default 200. */
  readonly perSecond: number;
}

export const defaultRetryBudget: RetryBudgetOptions = { capacity: 4096, perAnswer: 0.2, perSecond: 200 };

export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  /** Below zero when retries wait for tokens that are still to come. */
  #tokens: number;
  #updatedMs: number;

  /** @param nowMs a monotonic time in milliseconds, as in every other method. */
  constructor(options: RetryBudgetOptions, nowMs: number) {
    this.#options = options;
    this.#tokens = options.capacity;
    this.#updatedMs = nowMs;
  }

  /** An operation was answered. */
  answered(): void {
    const { capacity, perAnswer } = this.#options;
    if (this.#tokens < capacity) this.#tokens = Math.min(capacity, this.#tokens + perAnswer);
  }

  /** Takes a token; the retry may begin after the returned number of milliseconds, 0 when there was one. */
  take(nowMs: number): number {
    const { capacity, perSecond } = this.#options;
    const gained = ((nowMs - this.#updatedMs) / 1000) * perSecond;
    this.#tokens = Math.min(capacity, this.#tokens + gained) - 1;
    this.#updatedMs = nowMs;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / perSecond) * 1000;
  }

  /** Puts a token back: the retry will not take place. */
  giveBack(): void {
    this.#tokens = Math.min(this.#options.capacity, this.#tokens + 1);
  }
}
