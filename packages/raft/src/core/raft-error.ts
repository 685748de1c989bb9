import type { DropReason } from "./proposal-result.ts";

/**
 * What went wrong, as a stable name. Messages may change between releases, codes do not.
 *
 * - `DROPPED`: the proposal was refused and will never be applied; it is safe to retry.
 * - `UNKNOWN`: leadership was lost while the proposal was under way; it may still be applied.
 * - `NOT_LEADER`: this replica cannot do that; ask the leader.
 * - `UNKNOWN_PEER`: the message comes from, or the call names, a replica that is not in the configuration.
 * - `COMPACTED`, `UNAVAILABLE`: the entries asked for are already gone, or not there yet.
 * - `CORRUPT`: something on disk does not match its checksum.
 * - `MALFORMED`: bytes that are not the encoding of anything this version knows.
 * - `INVALID_ARGUMENT`: a caller's mistake; the message names the argument.
 * - `INVARIANT`: a rule of the algorithm was broken. The group stops; the process goes on.
 * - `POISONED`: the log could not be made durable; nothing more is written by this process.
 * - `LOCKED`: another process has the log open.
 * - `CLOSED`: the host, the log or the group was stopped.
 */
export type RaftErrorCode =
  | "DROPPED"
  | "UNKNOWN"
  | "NOT_LEADER"
  | "UNKNOWN_PEER"
  | "COMPACTED"
  | "UNAVAILABLE"
  | "CORRUPT"
  | "MALFORMED"
  | "INVALID_ARGUMENT"
  | "INVARIANT"
  | "POISONED"
  | "LOCKED"
  | "CLOSED";

/** What a refusal says besides its code. */
export interface RaftErrorDetail {
  /** With `DROPPED`: why. */
  readonly reason?: DropReason;
  /** The leader that this replica knows of; absent or 0 when it knows of none. */
  readonly leader?: number;
}

/** The one error class of this package. Decide by `code`; `message` is for people. */
export class RaftError extends Error {
  override readonly name = "RaftError";
  readonly code: RaftErrorCode;
  /** With `DROPPED`: why. */
  readonly reason: DropReason | undefined;
  /** The leader that this replica knows of, where that helps; 0 when it knows of none. */
  readonly leader: number;

  constructor(code: RaftErrorCode, message: string, options: ErrorOptions & RaftErrorDetail = {}) {
    super(message, options);
    this.code = code;
    this.reason = options.reason;
    this.leader = options.leader ?? 0;
  }
}
