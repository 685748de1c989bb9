/** What comparisons of replicas came to, counted since the node started. */
export interface RepairCounters {
  /** Replicas held the same. */
  match: number;
  /** A replica was behind, or a newer write came in between: nothing to repair. */
  lag: number;
  /** A damaged record was fetched from another replica and written again. */
  repaired: number;
  /** Replicas differed at the same point of the log. */
  diverged: number;
  /** The comparison could not be made: no leader, a node away. */
  skipped: number;
}

export function newRepairCounters(): RepairCounters {
  return { match: 0, lag: 0, repaired: 0, diverged: 0, skipped: 0 };
}
