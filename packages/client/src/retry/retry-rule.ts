/**
 * Whether a failed attempt is repeated. The one rule on which at-most-once depends, in one place:
 *
 *     a read                                        may be repeated
 *     a write, all attempts NOT_APPLIED             may be repeated
 *     a write, an attempt UNKNOWN, with identity    may be repeated with that identity
 *     a write, an attempt UNKNOWN, without          must not be repeated
 *
 * A shard that has forgotten the session cannot tell a repeated write from a new one and says SESSION_EXPIRED. Then only a
 * write that was certainly not applied may take place in a new session.
 */
import type { Failure } from "../errors/failure.ts";
import { isTemporary } from "../errors/titan-error.ts";

/** What to do after a failed attempt. */
export type Verdict = "retry" | "retry-in-new-session" | "fail";

/** What the rule has to know of the operation. */
export interface AttemptHistory {
  readonly isWrite: boolean;
  /** Whether the write has an identity by which a shard recognises it. */
  readonly hasIdentity: boolean;
  /** Whether any attempt so far, the failed one included, may have been applied. */
  readonly maybeApplied: boolean;
}

/** Applies the rule. */
export function judge(failure: Failure, history: AttemptHistory): Verdict {
  if (!isTemporary(failure.code)) return "fail";
  if (!history.isWrite) return "retry";
  if (failure.code === "SESSION_EXPIRED") return history.maybeApplied ? "fail" : "retry-in-new-session";
  if (history.maybeApplied && !history.hasIdentity) return "fail";
  return "retry";
}

/**
 * Whether this attempt leaves open that the write took effect. SESSION_EXPIRED does not: the shard refused this attempt,
 * and marks it UNKNOWN only because it cannot speak for earlier ones.
 */
export function mayHaveApplied(failure: Failure, isWrite: boolean): boolean {
  return isWrite && failure.outcome === "UNKNOWN" && failure.code !== "SESSION_EXPIRED";
}
