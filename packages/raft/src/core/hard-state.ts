/** What a replica must remember across a crash besides its log (Raft paper, figure 2, "persistent state"). */
export interface HardState {
  /** The newest term this replica has seen. */
  readonly term: number;
  /** The replica voted for in `term`; 0 means none. */
  readonly vote: number;
  /** The highest index known to be committed. It may lag after a crash; it never goes back. */
  readonly commit: number;
}

/** The hard state of a replica that has never heard of its group. */
export const emptyHardState: HardState = { term: 0, vote: 0, commit: 0 };
