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
 * one look may have fallen into a pause.
 */
export class PromotionRule {
  #caughtUp = new Set<number>();

  next(status: Status): ConfChange | undefined {
    if (status.role !== "leader" || status.changePending || status.configuration.votersOutgoing.length > 0) {
      this.#caughtUp.clear();
      return undefined;
    }
    const caughtUp = new Set<number>();
    for (const { replica, learner, recentActive, state, match } of status.progress) {
      if (!learner || !recentActive || state !== "replicate") continue;
      if (match + promotionMarginEntries >= status.hardState.commit) caughtUp.add(replica);
    }
    const replica = [...caughtUp].find((learner) => this.#caughtUp.has(learner));
    this.#caughtUp = caughtUp;
    if (replica === undefined) return undefined;
    return {
      transition: "auto",
      changes: [{ type: "addVoter", replica }],
      expectedConfigurationIndex: status.configuration.index,
    };
  }
}
