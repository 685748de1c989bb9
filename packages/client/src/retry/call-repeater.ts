/** The retry rule applied to single calls, for engines without a pipeline. */
import type { ClientEventMap, ClientEvents } from "../api/events.ts";
import { errorOf, type Failure } from "../errors/failure.ts";
import { TitanError } from "../errors/titan-error.ts";
import { failureOfCall } from "../errors/wire-failure.ts";
import { backoffMs, type BackoffOptions } from "./backoff.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { judge, mayHaveApplied } from "./retry-rule.ts";

/** What all calls of a client share. */
export interface RepeaterOptions {
  readonly backoff: BackoffOptions;
  readonly budget: RetryBudget;
  readonly events: ClientEvents;
  readonly maxAttempts: number;
}

/** One call with all its attempts. */
export interface RepeatedCall<Result> {
  readonly operation: ClientEventMap["retry"]["operation"];
  readonly isWrite: boolean;
  readonly hasIdentity: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether an earlier attempt of another kind may have been applied. */
  readonly maybeApplied?: boolean;
  /** Makes an attempt within the time that is left. Throws what the transport throws. */
  attempt(context: { timeoutMs: number; signal: AbortSignal }): Promise<Result>;
  /** A shard has forgotten the session, and nothing was applied: the next attempt needs a new one. */
  renewSession(): void;
}

/** Makes calls until they succeed, may not be repeated, or their time is over. */
export class CallRepeater {
  readonly #options: RepeaterOptions;

  constructor(options: RepeaterOptions) {
    this.#options = options;
  }

  /** @throws TitanError */
  async run<Result>(call: RepeatedCall<Result>): Promise<Result> {
    const deadlineMs = performance.now() + call.timeoutMs;
    let maybeApplied = call.maybeApplied === true;
    for (let failures = 1; ; failures += 1) {
      const attempt = new AttemptTime(call.signal, deadlineMs - performance.now());
      let failure: Failure;
      try {
        // oxlint-disable-next-line no-await-in-loop -- an attempt follows the failure of the one before
        const result = await call.attempt({ timeoutMs: attempt.timeoutMs, signal: attempt.signal });
        this.#options.budget.answered();
        return result;
      } catch (thrown) {
        if (thrown instanceof TitanError) throw thrown;
        failure = failureOfCall(thrown);
      } finally {
        attempt.stop();
      }
      maybeApplied ||= mayHaveApplied(failure, call.isWrite);
      const ended = attempt.endedBecause(failure, maybeApplied);
      if (ended !== undefined) throw ended;
      const delayMs = this.#delayMs(call, failure, { failures, maybeApplied, deadlineMs });
      // oxlint-disable-next-line no-await-in-loop -- an attempt follows the failure of the one before
      await waitUnlessAborted(delayMs, call.signal);
    }
  }

  /** How long to wait before the next attempt. @throws TitanError when there is none. */
  #delayMs<Result>(
    call: RepeatedCall<Result>,
    failure: Failure,
    state: { failures: number; maybeApplied: boolean; deadlineMs: number },
  ): number {
    const { backoff, budget, events, maxAttempts } = this.#options;
    const { failures, maybeApplied, deadlineMs } = state;
    const { isWrite, hasIdentity, operation } = call;
    const verdict = judge(failure, { isWrite, hasIdentity, maybeApplied });
    if (verdict === "fail" || failures >= maxAttempts) throw errorOf(failure, maybeApplied);
    if (verdict === "retry-in-new-session") call.renewSession();
    const nowMs = performance.now();
    const delayMs = Math.max(
      backoffMs(failures, backoff, Math.random),
      failure.retryAfterMs,
      budget.take(nowMs),
    );
    if (nowMs + delayMs >= deadlineMs) {
      budget.giveBack();
      throw errorOf(failure, maybeApplied);
    }
    const { code, outcome } = failure;
    events.emit("retry", { operation, code, outcome, attempt: failures, delayMs });
    return delayMs;
  }
}

/** Ends an attempt when its time is over or the caller aborts, and knows which it was. */
class AttemptTime {
  readonly timeoutMs: number;
  readonly #controller = new AbortController();
  readonly #given: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout>;
  #timedOut = false;
  readonly #onAbort = (): void => this.#controller.abort();

  constructor(given: AbortSignal | undefined, leftMs: number) {
    this.timeoutMs = Math.max(1, Math.ceil(leftMs));
    this.#given = given;
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      this.#controller.abort();
    }, this.timeoutMs);
    if (given?.aborted === true) this.#onAbort();
    else given?.addEventListener("abort", this.#onAbort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#given?.removeEventListener("abort", this.#onAbort);
  }

  endedBecause(last: Failure, maybeApplied: boolean): TitanError | undefined {
    const outcome = maybeApplied ? "UNKNOWN" : "NOT_APPLIED";
    if (this.#given?.aborted === true) {
      return new TitanError("ABORTED", "the call was aborted by its signal", {
        outcome,
        cause: this.#given.reason,
      });
    }
    if (!this.#timedOut) return undefined;
    return new TitanError("DEADLINE_EXCEEDED", "the time for the call was over before an answer came", {
      outcome,
      cause: errorOf(last, maybeApplied),
    });
  }
}

async function waitUnlessAborted(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, delayMs);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    if (signal?.aborted === true) done();
    else signal?.addEventListener("abort", done);
  });
}
