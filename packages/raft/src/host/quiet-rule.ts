/**
 * A group with nothing to do need not say so twenty times a second. Its leader tells the followers that it falls silent,
 * when everybody has everything; then nobody's clock ticks, until there is something to do.
 *
 * What must not happen is that a leader dies in silence and nobody notices (TiKV's hibernated regions failed over
 * slowly for that reason). So the nodes of a quiet group keep greeting each other, one frame for all their groups, and a
 * group wakes up when the node of one of its members is not heard of any more. Silence is never a promise: there are no
 * leases in quiet groups, and every read and every proposal wakes the group and asks a majority.
 */
import type { Status } from "../core/status.ts";

/** Election timeouts without anything to do after which a group falls silent. */
const idleElectionTimeouts = 10;

/** After a look that found somebody behind, the next one is so many ticks later. */
const retryTicks = 3;

/** Whether one replica of a group is quiet. */
export class QuietRule {
  readonly #enabled: boolean;
  readonly #idleTicksMax: number;
  #idleTicks = 0;
  #quiet = false;

  constructor(options: { readonly enabled: boolean; readonly electionTicks: number }) {
    this.#enabled = options.enabled;
    this.#idleTicksMax = options.electionTicks * idleElectionTimeouts;
  }

  get quiet(): boolean {
    return this.#quiet;
  }

  /** There is something to do. */
  wake(): void {
    this.#idleTicks = 0;
    this.#quiet = false;
  }

  /** A tick passed. Returns true when this replica, as the leader, has just fallen silent and must say so. */
  tick(status: () => Status, pending: number): boolean {
    if (!this.#enabled || this.#quiet) return false;
    this.#idleTicks = pending === 0 ? this.#idleTicks + 1 : 0;
    if (this.#idleTicks < this.#idleTicksMax) return false;
    // A leader forgets now and then who was active, to see who still is: look again soon, not at the same moment of
    // that cycle.
    this.#idleTicks -= retryTicks;
    this.#quiet = everybodyHasEverything(status());
    return this.#quiet;
  }

  /** The leader has fallen silent. */
  leaderFellSilent(
    from: number,
    claim: { readonly term: number; readonly commit: number },
    status: Status,
  ): void {
    if (!this.#enabled) return;
    const { role, leader, hardState, lastIndex } = status;
    this.#quiet =
      role === "follower" &&
      leader === from &&
      hardState.term === claim.term &&
      hardState.commit === claim.commit &&
      lastIndex === claim.commit;
  }
}

function everybodyHasEverything(status: Status): boolean {
  const { role, hardState, lastIndex, applied, progress, transferTarget, changePending } = status;
  return (
    role === "leader" &&
    hardState.commit === lastIndex &&
    applied === lastIndex &&
    transferTarget === 0 &&
    !changePending &&
    progress.every(
      ({ replica, match, recentActive }) => replica === status.id || (match === lastIndex && recentActive),
    )
  );
}
