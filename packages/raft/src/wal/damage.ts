/** A place where the log is not what was written, although it was reported durable. */
export interface LogDamage {
  /** The file's name. */
  readonly segment: string;
  /** Where the damaged batch begins, or would; 0 for the segment's header. */
  readonly offset: number;
  /** What is wrong, as a sentence. */
  readonly problem: string;
  /**
   * The groups that lost something. Undefined when that cannot be told, because what is damaged is the description of
   * the batch itself: then every group may have.
   */
  readonly groups?: readonly number[];
}

/** A last batch that was never completed, and therefore never acknowledged. */
export interface TornTail {
  readonly segment: string;
  readonly offset: number;
}

/** The damage as one sentence. */
export function describeDamage(damage: LogDamage): string {
  const groups =
    damage.groups === undefined
      ? "every group may be affected"
      : damage.groups.length === 0
        ? "no group is affected"
        : `affected: ${damage.groups.map((group) => `group ${group}`).join(", ")}`;
  return `${damage.segment} at byte ${damage.offset}: ${damage.problem}; ${groups}`;
}
