/** An operation between the call that made it and its answer, through all its attempts. */
import type { Answer, EngineOperation } from "../api/operation.ts";
import type { Failure } from "../errors/failure.ts";
import type { TitanError } from "../errors/titan-error.ts";
import type { WriteSession } from "../session/write-session.ts";

/** Something that has the operation and must be told when nobody waits for the answer any more. */
export interface Carrier {
  /** Whether what it has of the operation may have left this process. */
  readonly hasSent: boolean;
  forget(operation: PendingOperation): void;
}

export class PendingOperation {
  readonly operation: EngineOperation;
  readonly isWrite: boolean;
  readonly slot: number;
  /** When the caller's time is over, on the monotonic clock. */
  readonly deadlineMs: number;

  /** Number on the stream that carries the attempt. */
  id = 0;
  /** Position in its session; 0 for reads, and for writes without identity. Invariant: 0 exactly if `session` is undefined. */
  seq = 0;
  session: WriteSession | undefined;
  /** The caller's time that was left when the attempt was sent. */
  timeoutMs = 0;

  /** Attempts that failed. */
  failures = 0;
  /** Attempts in a row that were sent on at once because an answer said where to. */
  redirects = 0;
  /** Whether any attempt so far may have been applied. Never reset: it decides the outcome that the caller learns. */
  maybeApplied = false;
  lastFailure: Failure | undefined;
  /** Address to avoid at the next attempt. */
  avoid = "";
  /** What carries the attempt under way. */
  carrier: Carrier | undefined;
  isSettled = false;

  /** Neighbours in the list of all operations. */
  previous: PendingOperation | undefined;
  next: PendingOperation | undefined;

  retryTimer: NodeJS.Timeout | undefined;
  /** What ends it before its time. */
  signal: AbortSignal | undefined;

  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: TitanError) => void;

  constructor(fields: {
    operation: EngineOperation;
    slot: number;
    deadlineMs: number;
    resolve: (answer: Answer) => void;
    reject: (error: TitanError) => void;
  }) {
    this.operation = fields.operation;
    this.isWrite = fields.operation.kind !== "get";
    this.slot = fields.slot;
    this.deadlineMs = fields.deadlineMs;
    this.#resolve = fields.resolve;
    this.#reject = fields.reject;
  }

  /** Ends the operation with an answer or an error; only the dispatcher does, once. */
  settle(outcome: Answer | TitanError): void {
    if (this.isSettled) throw new Error("an operation was settled twice");
    this.isSettled = true;
    if (outcome instanceof Error) this.#reject(outcome);
    else this.#resolve(outcome);
  }
}
