/**
 * The members of a group. While `votersOutgoing` is not empty the configuration is joint: every decision needs a
 * majority of `voters` and a majority of `votersOutgoing` (Raft paper, section 6).
 */
export interface Configuration {
  /**
   * The index of the entry that brought this configuration about; for the one a group begins with, the index of the
   * snapshot that introduced it (0 when there is none). A proposed change names the index it expects.
   */
  readonly index: number;
  /** Replicas whose votes and acknowledgements count. Ascending. */
  readonly voters: readonly number[];
  /** Voters of the configuration that is being left; empty outside a joint change. Ascending. */
  readonly votersOutgoing: readonly number[];
  /** Replicas that receive the log and do not count. Ascending; disjoint from the voters. */
  readonly learners: readonly number[];
  /** Outgoing voters that become learners when the joint configuration is left. Ascending. */
  readonly learnersNext: readonly number[];
  /** Whether the leader leaves the joint configuration by itself once it is committed. */
  readonly autoLeave: boolean;
}

/** A configuration without members: the replica waits to be told of its group by a leader. */
export const emptyConfiguration: Configuration = {
  index: 0,
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};
