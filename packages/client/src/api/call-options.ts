import type { ReadConsistency } from "./read-consistency.ts";

/** What every call takes. */
export interface CallOptions {
  /**
   * Milliseconds until the call fails with DEADLINE_EXCEEDED, retries included. The rest of it travels with each attempt.
   * From 1 to 2,147,483,647; default: the client's, which is 5000.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the call with ABORTED. A write that was sent already may still be applied: look at the error's `outcome`. */
  readonly signal?: AbortSignal | undefined;
}

/** What reads take. */
export interface ReadCallOptions extends CallOptions {
  /** How fresh the answer must be. Default: the client's, which is `"linearizable"`. */
  readonly consistency?: ReadConsistency | undefined;
}

/** What must hold for a write to take place. At most one of them. A condition that does not hold is a result, no error. */
export interface WriteConditions {
  /** Only if the key's revision is exactly this one; 0 means only if the key is absent. */
  readonly ifRevision?: number | undefined;
  /** Only if the key is absent or has expired. */
  readonly ifAbsent?: boolean | undefined;
  /** Only if the key is there. */
  readonly ifPresent?: boolean | undefined;
}

/** What `delete` takes. */
export interface DeleteOptions extends WriteConditions {
  /** Return the value that was removed. Default false. */
  readonly returnPrevious?: boolean | undefined;
}

/** What `put` takes. */
export interface PutOptions extends WriteConditions {
  /**
   * Milliseconds until the key expires, from when the leader takes the write into its log; at least 1. Absent: the key
   * stays, and a time set by an earlier write is gone.
   */
  readonly ttlMs?: number | undefined;
  /** Return the value that was replaced. Default false. */
  readonly returnPrevious?: boolean | undefined;
}
