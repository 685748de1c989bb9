import { RaftError } from "@titan-kv/raft";
import { ApiError, asApiError, type LeaderAddress } from "../http/api-error.ts";

/** What is known about a shard besides the error, so that the caller can go on. */
export interface ShardHint {
  readonly leader: LeaderAddress | undefined;
  readonly epoch: number;
}

/** How long a caller should wait while a new leader is being found. */
const electionRetryMs = 50;
/** How long a caller should wait for a full queue. */
const overloadRetryMs = 20;

/** What an error of the consensus layer means for the caller of an operation. */
export function apiErrorOfRaft(error: unknown, hint: ShardHint): ApiError {
  if (!(error instanceof RaftError)) return asApiError(error);
  const { leader, epoch } = hint;
  const common = { leader, epoch, cause: error };
  switch (error.code) {
    case "DROPPED":
      return droppedError(error, hint);
    case "NOT_LEADER":
      return new ApiError({
        ...common,
        reason: "NOT_LEADER",
        outcome: "NOT_APPLIED",
        message: "this node does not lead the shard",
        retryAfterMs: leader === undefined ? electionRetryMs : undefined,
      });
    case "UNKNOWN":
      return new ApiError({
        ...common,
        reason: "LEADER_CHANGED",
        outcome: "UNKNOWN",
        message: "leadership was lost while the write was under way; it may have been applied",
      });
    case "CLOSED":
    case "POISONED":
    case "INVARIANT":
    case "CORRUPT":
      return new ApiError({
        ...common,
        reason: "UNAVAILABLE",
        // A proposal that was under way is reported as UNKNOWN by the group; what is refused with these never began.
        outcome: "NOT_APPLIED",
        message: "the shard's replica on this node has stopped",
      });
    case "UNKNOWN_PEER":
    case "COMPACTED":
    case "UNAVAILABLE":
    case "MALFORMED":
    case "INVALID_ARGUMENT":
    case "LOCKED":
      // None of these answers a proposal or a read; if one does, it is a defect.
      return asApiError(error);
  }
}

/** What an error of the consensus layer means for a read, which has no effect whatever became of it. */
export function apiErrorOfRead(error: unknown, hint: ShardHint): ApiError {
  if (!(error instanceof RaftError) || error.code !== "UNKNOWN") return apiErrorOfRaft(error, hint);
  return new ApiError({
    ...hint,
    reason: "NOT_LEADER",
    outcome: "NOT_APPLIED",
    message: "no majority of the shard's replicas confirmed the read in time",
    retryAfterMs: electionRetryMs,
    cause: error,
  });
}

function droppedError(error: RaftError, { leader, epoch }: ShardHint): ApiError {
  const isOverload = error.reason === "overloaded";
  return new ApiError({
    reason: isOverload ? "OVERLOADED" : "NOT_LEADER",
    outcome: "NOT_APPLIED",
    message: error.message,
    retryAfterMs: isOverload ? overloadRetryMs : electionRetryMs,
    leader,
    epoch,
    cause: error,
  });
}
