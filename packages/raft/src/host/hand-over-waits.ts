import type { RaftError } from "../core/raft-error.ts";

/** Someone who waits for another replica to lead. */
interface HandOverWait {
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: RaftError) => void;
}

/** Those who asked for leadership to be handed over, and wait for it to happen. */
export class HandOverWaits {
  #waits: HandOverWait[] = [];

  add(wait: HandOverWait): void {
    this.#waits.push(wait);
  }

  /** Another replica leads. */
  done(): void {
    const waits = this.#waits;
    this.#waits = [];
    for (const wait of waits) wait.resolve();
  }

  /** Nobody has taken over in time. */
  expire(nowMs: number, error: () => RaftError): void {
    if (this.#waits.length === 0) return;
    const late = this.#waits.filter(({ deadlineMs }) => nowMs >= deadlineMs);
    this.#waits = this.#waits.filter(({ deadlineMs }) => nowMs < deadlineMs);
    for (const wait of late) wait.reject(error());
  }

  /** The group has stopped. */
  fail(error: RaftError): void {
    const waits = this.#waits;
    this.#waits = [];
    for (const wait of waits) wait.reject(error);
  }
}
