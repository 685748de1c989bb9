/**
 * The one error of the server's API: what every handler throws, and what every caller learns. How it looks on the wire
 * is in `error-mapping.ts`.
 */

/** Why a request failed: the names of `titan.kv.v1.Reason`, documented there. */
export type ErrorReason =
  | "NOT_LEADER"
  | "WRONG_SHARD"
  | "SLOT_MOVING"
  | "OVERLOADED"
  | "NO_SPACE"
  | "SESSION_EXPIRED"
  | "OUT_OF_RANGE"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "UNAVAILABLE"
  | "STALE"
  | "CORRUPT"
  | "CROSS_SHARD"
  | "UNIMPLEMENTED"
  | "PERMISSION_DENIED"
  | "FAILED_PRECONDITION"
  | "INTERNAL"
  | "LEADER_CHANGED";

/** What is known about the effect of the failed request: never had one and never will, or nobody can say. */
export type ErrorOutcome = "NOT_APPLIED" | "UNKNOWN";

/** Where to send the request instead. */
export interface LeaderAddress {
  readonly node: number;
  /** Client address, `host:port`; absent when the answering node does not know it. */
  readonly address?: string;
}

/** Everything a caller learns about a failed request. */
export interface ApiErrorFields {
  readonly reason: ErrorReason;
  readonly outcome: ErrorOutcome;
  /** For people, and sent to them: no secrets, no paths of this machine, no stack. */
  readonly message: string;
  /** Wait at least this long before the next attempt; absent means no advice. */
  readonly retryAfterMs?: number | undefined;
  /** Where the shard's leader is, if known. */
  readonly leader?: LeaderAddress | undefined;
  /** Version of the answering node's slot table, a safe integer; absent when it does not matter. */
  readonly epoch?: number | undefined;
  /** The field or key at fault, where there is one. */
  readonly subject?: string | undefined;
  /** What led to it, for the log of this process only. */
  readonly cause?: unknown;
}

/**
 * A request failed. Decide by `reason` and `outcome`; `message` is for people. `cause` stays in the process.
 *
 * One error may answer many operations: it is immutable, and its encoding is made once.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly reason: ErrorReason;
  readonly outcome: ErrorOutcome;
  readonly retryAfterMs: number | undefined;
  readonly leader: LeaderAddress | undefined;
  readonly epoch: number | undefined;
  readonly subject: string | undefined;

  constructor(fields: ApiErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.reason = fields.reason;
    this.outcome = fields.outcome;
    this.retryAfterMs = fields.retryAfterMs;
    this.leader = fields.leader;
    this.epoch = fields.epoch;
    this.subject = fields.subject;
  }
}

/** A field of the request is not valid. Nothing was done; `message` names the field and what is allowed. */
export function invalidArgument(field: string, message: string): ApiError {
  return new ApiError({
    reason: "INVALID_ARGUMENT",
    outcome: "NOT_APPLIED",
    message: `${field}: ${message}`,
    subject: field,
  });
}

/**
 * Any thrown thing as an `ApiError`. What is not one already is a defect of the server: the caller learns only that, and
 * that the request may have taken effect; the log, which is given the `cause`, has the rest.
 */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError({
    reason: "INTERNAL",
    outcome: "UNKNOWN",
    message: "internal error; the log of the answering node has more",
    cause: thrown,
  });
}
