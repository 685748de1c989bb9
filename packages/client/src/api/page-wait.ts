import { errorOf, type Failure } from "../errors/failure.ts";
import { TitanError } from "../errors/titan-error.ts";
import type { CallOptions } from "./call-options.ts";

/** Bounds the waiting for a page, and knows why it ended. Time that the caller spends with a page does not count. */
export class PageWait {
  readonly #controller = new AbortController();
  readonly #userSignal: AbortSignal | undefined;
  readonly #timeoutMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timedOut = false;
  readonly #onUserAbort = (): void => this.#controller.abort(this.#userSignal?.reason);

  constructor(options: CallOptions, defaultTimeoutMs: number) {
    this.#userSignal = options.signal;
    this.#timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    if (this.#userSignal?.aborted === true) this.#onUserAbort();
    else this.#userSignal?.addEventListener("abort", this.#onUserAbort);
  }

  /** Fires when the time is over, or the caller does not want to go on. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** A page is waited for from now on; if one is already, nothing changes. */
  begin(): void {
    this.#timer ??= setTimeout(() => {
      this.#timedOut = true;
      this.#controller.abort();
    }, this.#timeoutMs);
  }

  /** A page came. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Waits, with the time for the page still running. */
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

  /** The error that ends the scan, if its time is over or its caller has stopped it. */
  endedBecause(last: Failure): TitanError | undefined {
    if (this.#userSignal?.aborted === true) {
      return new TitanError("ABORTED", "the scan was aborted by its signal", {
        outcome: "NOT_APPLIED",
        cause: this.#userSignal.reason,
      });
    }
    if (!this.#timedOut) return undefined;
    return new TitanError("DEADLINE_EXCEEDED", `no page of the scan came within ${this.#timeoutMs} ms`, {
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
