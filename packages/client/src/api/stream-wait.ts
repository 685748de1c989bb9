import { errorOf, type Failure } from "../errors/failure.ts";
import { TitanError } from "../errors/titan-error.ts";

/**
 * Bounds the waiting for the next message of a stream, over all attempts at it, and knows why it ended. Time that the caller
 * spends with a message does not count.
 */
export class StreamWait {
  readonly #controller = new AbortController();
  readonly #awaited: string;
  readonly #userSignal: AbortSignal | undefined;
  readonly #timeoutMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timedOut = false;
  readonly #onUserAbort = (): void => this.#controller.abort(this.#userSignal?.reason);

  /** @param awaited what is waited for, such as "page of the scan"; for messages. */
  constructor(awaited: string, userSignal: AbortSignal | undefined, timeoutMs: number) {
    this.#awaited = awaited;
    this.#userSignal = userSignal;
    this.#timeoutMs = timeoutMs;
    if (userSignal?.aborted === true) this.#onUserAbort();
    else userSignal?.addEventListener("abort", this.#onUserAbort);
  }

  /** Fires when the time is over, or the caller does not want to go on. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** A message is waited for from now on; if one is already, nothing changes. */
  begin(): void {
    this.#timer ??= setTimeout(() => {
      this.#timedOut = true;
      this.#controller.abort();
    }, this.#timeoutMs);
  }

  /** A message came. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Waits, with the time for the message still running. */
  async pause(delayMs: number): Promise<void> {
    if (this.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, delayMs);
      const { signal } = this;
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
      signal.addEventListener("abort", done);
    });
  }

  /** The error that ends the stream for good, if its time is over or its caller has stopped it. */
  endedBecause(last: Failure): TitanError | undefined {
    if (this.#userSignal?.aborted === true) {
      return new TitanError("ABORTED", `the wait for a ${this.#awaited} was aborted by its signal`, {
        outcome: "NOT_APPLIED",
        cause: this.#userSignal.reason,
      });
    }
    if (!this.#timedOut) return undefined;
    return new TitanError("DEADLINE_EXCEEDED", `no ${this.#awaited} came within ${this.#timeoutMs} ms`, {
      outcome: "NOT_APPLIED",
      cause: errorOf(last, false),
    });
  }

  /** Nobody waits any more; whatever still runs with the signal ends. */
  stop(): void {
    this.end();
    this.#userSignal?.removeEventListener("abort", this.#onUserAbort);
    this.#controller.abort();
  }
}
