import type { LogReader } from "./log-reader.ts";

/**
 * How linearizable reads are confirmed.
 *
 * - `safe`: by a round of heartbeats to a majority (dissertation, section 6.4). Needs no clock.
 * - `lease`: a round answered by a majority also serves the reads of the next while (section 6.4.1), measured by
 *   `monotonicTicks`. Right only while the clocks of the replicas run at rates that differ by less than
 *   `maxClockDriftTicks` per election timeout. All replicas of a group must be set alike.
 */
export type ReadMode = "safe" | "lease";

/** What a replica is made of. Counts of ticks are of the caller's choosing; 50 ms is a good tick. */
export interface RawNodeConfig {
  /** This replica: a positive safe integer, never used before in this group. */
  readonly id: number;
  /** The durable log. */
  readonly storage: LogReader;
  /**
   * Up to where the application has durably applied, after a restart. At least `storage.snapshot().index`: restore the
   * snapshot first. Default: that index.
   */
  readonly applied?: number;
  /** A number that no other life of this replica has used: 48 random bits will do. Ties answers to this life. */
  readonly incarnation: number;
  /** Returns an integer in `[0, spread)`, evenly distributed; spreads elections out so that few of them collide. */
  readonly randomElectionTicks: (spread: number) => number;
  /**
   * Ticks of silence after which a follower campaigns: at least this many, less than twice as many. Default 20. Also
   * how long a leader goes on without hearing from a majority.
   */
  readonly electionTick?: number;
  /** Ticks between heartbeats; well below `electionTick`. Default 2. */
  readonly heartbeatTick?: number;
  /** Ask before disturbing: no term is raised by a replica that could not win (dissertation, section 9.6). Default true. */
  readonly preVote?: boolean;
  /** A leader that hears from no majority steps down, and followers stay with a living leader. Default true. */
  readonly checkQuorum?: boolean;
  /** Bytes of entry data in one append; an entry that is larger goes alone. Default 1 MiB. */
  readonly maxBytesPerMessage?: number;
  /** Appends under way to one peer. Default 256. */
  readonly maxInflightMessages?: number;
  /** Bytes of entry data under way to one peer; one message may overshoot. Default 16 MiB. */
  readonly maxInflightBytes?: number;
  /** Bytes of entry data that a leader lets wait for commitment; beyond that proposals are dropped. Default 64 MiB. */
  readonly maxUncommittedBytes?: number;
  /** Bytes of entry data handed out for application and not yet reported applied. Default 1 MiB. */
  readonly maxCommittedBytesPerReady?: number;
  /** Reads that may wait at a leader for their confirmation; beyond that they are dropped. Default 65,536. */
  readonly maxPendingReads?: number;
  /**
   * Whether a follower passes proposals on to the leader. Default false: a refusal says for certain that nothing was
   * done, a forwarded proposal says nothing.
   */
  readonly proposalForwarding?: boolean;
  /** Default `safe`. `lease` needs `checkQuorum` and `monotonicTicks`. */
  readonly readMode?: ReadMode;
  /**
   * The time on a clock that never goes back and does not stop while the process does, in ticks (fractions welcome),
   * from any origin. Only used in lease mode.
   */
  readonly monotonicTicks?: () => number;
  /** What is taken off a lease for clocks that run at different rates, in ticks. Default a tenth of `electionTick`. */
  readonly maxClockDriftTicks?: number;
  /**
   * Whether peers learn what is committed with the next append only, or when `announceCommit` is called. Under load the next
   * append is never far, and the messages that say nothing else, with their answers, are saved. Default false: at once.
   */
  readonly lazyCommit?: boolean;
  /** Whether the log is written asynchronously (`readyAsync`) or by ready and advance. Default false. */
  readonly asyncStorageWrites?: boolean;
}
