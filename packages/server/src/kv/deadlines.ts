import { ApiError } from "../http/api-error.ts";
import type { PendingOperation } from "./pending-operation.ts";

/** Deadlines are kept to this precision: an operation may be told a little late, never early. */
const granularityMs = 20;

/**
 * Ends operations whose time is over. A timer for each of a hundred thousand operations a second would cost more than the
 * operations; here they wait in buckets of 20 ms and one timer looks at the buckets that are due.
 */
export class Deadlines {
  readonly #now: () => number;
  readonly #buckets = new Map<number, Set<PendingOperation>>();
  #next: number;
  #timer: NodeJS.Timeout | undefined;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#next = Math.floor(now() / granularityMs);
  }

  start(): void {
    this.#timer = setInterval(() => this.expire(), granularityMs);
    // A node that has nothing else to do may end.
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  add(operation: PendingOperation): void {
    const due = Math.ceil(operation.deadlineMs / granularityMs);
    let bucket = this.#buckets.get(due);
    if (bucket === undefined) {
      bucket = new Set();
      this.#buckets.set(due, bucket);
    }
    operation.waitIn(bucket);
  }

  /** Ends what is due. */
  expire(): void {
    const through = Math.floor(this.#now() / granularityMs);
    for (; this.#next <= through; this.#next += 1) {
      const due = this.#buckets.get(this.#next);
      if (due === undefined) continue;
      this.#buckets.delete(this.#next);
      for (const operation of due) {
        if (operation.isSettled) continue;
        operation.error(operation.isWrite ? writeDeadline : readDeadline);
      }
    }
  }
}

const writeDeadline = new ApiError({
  reason: "DEADLINE_EXCEEDED",
  outcome: "UNKNOWN",
  message: "the time for the write was over before its outcome was known; it may still be applied",
});

const readDeadline = new ApiError({
  reason: "DEADLINE_EXCEEDED",
  outcome: "NOT_APPLIED",
  message: "the time for the read was over before it could be answered",
});
