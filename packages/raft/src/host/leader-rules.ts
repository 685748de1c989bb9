import type { ConfChange } from "../core/conf-change.ts";
import type { ProgressStatus, Status } from "../core/status.ts";

/** A learner this close to the commit index has caught up. */
const promotionMarginEntries = 64;

/** The voter that is furthest along, to hand leadership to; undefined when none is alive and up to date enough. */
export function bestSuccessor(status: Status): number | undefined {
  const voters = new Set(status.configuration.voters);
  let best: ProgressStatus | undefined;
  for (const progress of status.progress) {
    if (progress.replica === status.id || !voters.has(progress.replica) || !progress.recentActive) continue;
    if (best === undefined || progress.match > best.match) best = progress;
  }
  return best?.replica;
}

/**
 * The change that makes a voter of a learner, when it is time. A learner has to look caught up twice in a row, because
 * one look may have fallen into a pause, and to have been heard of lately.
 */
export class PromotionRule {
  /** Learners that looked caught up last time, and whether they had been heard of. */
  #before = new Map<number, boolean>();

  next(status: Status): ConfChange | undefined {
    const before = this.#before;
    this.#before = new Map();
    const { role, changePending, configuration, progress, hardState } = status;
    if (role !== "leader" || changePending || configuration.votersOutgoing.length > 0) return undefined;
    let ready: number | undefined;
    for (const { replica, learner, recentActive, state, match } of progress) {
      if (!learner || state !== "replicate" || match + promotionMarginEntries < hardState.commit) continue;
      this.#before.set(replica, recentActive);
      const wasActive = before.get(replica);
      if (wasActive !== undefined && (wasActive || recentActive)) ready ??= replica;
    }
    if (ready === undefined) return undefined;
    return {
      transition: "auto",
      changes: [{ type: "addVoter", replica: ready }],
      expectedConfigurationIndex: configuration.index,
    };
  }
}
