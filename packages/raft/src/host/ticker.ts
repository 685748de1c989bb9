/** What the passing of time means. */
export interface Passed {
  /** Ticks to hand to every group. */
  readonly ticks: number;
  /** How long the process did not run, when that was long enough to void its view of time; else 0. */
  readonly suspendedMs: number;
}

/**
 * Turns time into ticks. A process that did not run for long, because it or its machine was stopped, or its event loop was
 * blocked, must not make up for the ticks it missed: it would suspect every leader at once, although the news of them
 * waits in its sockets. Such a gap counts as one tick, and is reported.
 */
export class Ticker {
  readonly #tickMs: number;
  readonly #suspensionMs: number;
  #lastMs: number;
  /** Time that is less than a tick. */
  #restMs = 0;

  constructor(options: { readonly tickMs: number; readonly suspensionMs: number; readonly nowMs: number }) {
    this.#tickMs = options.tickMs;
    this.#suspensionMs = options.suspensionMs;
    this.#lastMs = options.nowMs;
  }

  pass(nowMs: number): Passed {
    const gapMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (gapMs > this.#suspensionMs) {
      this.#restMs = 0;
      return { ticks: 1, suspendedMs: gapMs };
    }
    const whole = Math.floor((this.#restMs + gapMs) / this.#tickMs);
    this.#restMs += gapMs - whole * this.#tickMs;
    return { ticks: whole, suspendedMs: 0 };
  }
}
