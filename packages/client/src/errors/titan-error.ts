/**
 * Why an operation failed, as a stable name: codes do not change between minor versions, messages do.
 *
 * - `ABORTED`: the call's `AbortSignal` fired; `cause` is its reason.
 * - `CLOSED`: the client was closed before the answer arrived.
 * - `CORRUPT`: the record is damaged where it was read and could not be fetched from another replica.
 * - `CROSS_SHARD`: the keys of a transaction belong to more than one shard; give them a common part in braces.
 * - `DEADLINE_EXCEEDED`: the call's time was over; `cause` is what the last attempt met, where there was one.
 * - `DECODE_FAILED`: the codec could not read the stored bytes; `cause` is what it threw.
 * - `FAILED_PRECONDITION`: the cluster's state, or the write's identity, does not allow the request.
 * - `INTERNAL`: a defect of the server, or an answer that cannot be understood.
 * - `INVALID_ARGUMENT`: an argument is not acceptable; `subject` names it.
 * - `LEADER_CHANGED`: leadership was lost while the write was under way.
 * - `NO_SPACE`: a disk of the shard is full: reads and deletes work, writes do not.
 * - `NOT_LEADER`: no leader of the key's shard could be found in time.
 * - `OUT_OF_RANGE`: the revision asked for is not in the shard's history.
 * - `OVERLOADED`: a queue is full, on a node or in this client.
 * - `PERMISSION_DENIED`: the caller may not do this, or did not say who it is.
 * - `SESSION_EXPIRED`: a shard has forgotten the write's session, and an earlier attempt may have been applied.
 * - `SLOT_MOVING`: the key's slot is on its way to another shard and did not arrive in time.
 * - `STALE`: no replica could serve the read level that was asked for.
 * - `UNAVAILABLE`: no node could be reached, or the one that had the request went away.
 * - `UNIMPLEMENTED`: the server does not have this feature.
 * - `WRONG_SHARD`: the key's slot changed its shard and the new one could not be found in time.
 */
export type TitanErrorCode =
  | "ABORTED"
  | "CLOSED"
  | "CORRUPT"
  | "CROSS_SHARD"
  | "DEADLINE_EXCEEDED"
  | "DECODE_FAILED"
  | "FAILED_PRECONDITION"
  | "INTERNAL"
  | "INVALID_ARGUMENT"
  | "LEADER_CHANGED"
  | "NO_SPACE"
  | "NOT_LEADER"
  | "OUT_OF_RANGE"
  | "OVERLOADED"
  | "PERMISSION_DENIED"
  | "SESSION_EXPIRED"
  | "SLOT_MOVING"
  | "STALE"
  | "UNAVAILABLE"
  | "UNIMPLEMENTED"
  | "WRONG_SHARD";

/**
 * What is known about the effect of a failed operation.
 *
 * - `NOT_APPLIED`: it had none and never will. Reads always fail with this.
 * - `UNKNOWN`: it may have taken effect, or may still do so. Read the key before you write it again.
 */
export type Outcome = "NOT_APPLIED" | "UNKNOWN";

/** What an error says besides its code and message. */
export interface TitanErrorFields extends ErrorOptions {
  readonly outcome: Outcome;
  /** The argument, field or key at fault. */
  readonly subject?: string | undefined;
}

/** Whether the same call may well succeed later, going by the code alone. */
export function isTemporary(code: TitanErrorCode): boolean {
  switch (code) {
    case "DEADLINE_EXCEEDED":
    case "LEADER_CHANGED":
    case "NOT_LEADER":
    case "OVERLOADED":
    case "SESSION_EXPIRED":
    case "SLOT_MOVING":
    case "STALE":
    case "UNAVAILABLE":
    case "WRONG_SHARD":
      return true;
    case "ABORTED":
    case "CLOSED":
    case "CORRUPT":
    case "CROSS_SHARD":
    case "DECODE_FAILED":
    case "FAILED_PRECONDITION":
    case "INTERNAL":
    case "INVALID_ARGUMENT":
    case "NO_SPACE":
    case "OUT_OF_RANGE":
    case "PERMISSION_DENIED":
    case "UNIMPLEMENTED":
      return false;
  }
}

/** The one error class of this package. Decide by `code` and `outcome`; `message` is for people. */
export class TitanError extends Error {
  override readonly name = "TitanError";
  readonly code: TitanErrorCode;
  /** Whether the operation may have taken effect. */
  readonly outcome: Outcome;
  /**
   * Whether it is safe and sensible to make the same call again: it was not applied, and the reason is one that passes.
   * The client has retried by itself until the call's time was over.
   */
  readonly retryable: boolean;
  /** The argument, field or key at fault, where there is one. */
  readonly subject: string | undefined;

  constructor(code: TitanErrorCode, message: string, fields: TitanErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = code;
    this.outcome = fields.outcome;
    this.retryable = fields.outcome === "NOT_APPLIED" && isTemporary(code);
    this.subject = fields.subject;
  }
}

/** An argument is not acceptable. Nothing was sent. */
export function invalidArgument(subject: string, message: string): TitanError {
  return new TitanError("INVALID_ARGUMENT", `${subject}: ${message}`, { outcome: "NOT_APPLIED", subject });
}
