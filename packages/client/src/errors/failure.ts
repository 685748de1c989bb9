import type { Outcome, TitanErrorCode } from "./titan-error.ts";
import { TitanError } from "./titan-error.ts";

/** Where a failed attempt says the shard's leader is. */
interface LeaderHint {
  /** 0 when only the address is known. */
  readonly node: number;
  /** `host:port`; empty when only the node is known. */
  readonly address: string;
}

/**
 * How one attempt failed. Not an `Error`: most attempts are repeated and nobody ever sees why, and one failure may end
 * thousands of attempts that were on the same connection.
 */
export interface Failure {
  readonly code: TitanErrorCode;
  /** Of this attempt alone; see {@link errorOf}. */
  readonly outcome: Outcome;
  readonly message: string;
  /** The server asks to wait this long before the next attempt; 0 is no advice. */
  readonly retryAfterMs: number;
  readonly leader: LeaderHint | undefined;
  /** The answering node's version of the slot table; 0 when it does not say. */
  readonly epoch: number;
  readonly subject: string | undefined;
  readonly cause: unknown;
}

/** Everything about a failure that is not the usual. */
export type FailureFields = Pick<Failure, "code" | "outcome" | "message"> & Partial<Failure>;

/** A failure with defaults filled in. */
export function failure(fields: FailureFields): Failure {
  return {
    retryAfterMs: 0,
    leader: undefined,
    epoch: 0,
    subject: undefined,
    cause: undefined,
    ...fields,
  };
}

/**
 * What the caller learns when an operation is given up. An operation of which any attempt may have been applied may have
 * been applied, whatever the last attempt said.
 */
export function errorOf(last: Failure, maybeApplied: boolean): TitanError {
  return new TitanError(last.code, last.message, {
    outcome: maybeApplied ? "UNKNOWN" : "NOT_APPLIED",
    subject: last.subject,
    cause: last.cause,
  });
}
