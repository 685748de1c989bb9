import type { Configuration } from "./configuration.ts";
import type { HardState } from "./hard-state.ts";
import type { Role } from "./ready.ts";

/**
 * How a leader sends to a peer.
 *
 * - `probe`: one append at a time, to find where the logs agree.
 * - `replicate`: a stream of appends, sent before the earlier ones are answered.
 * - `snapshot`: nothing until the snapshot has been installed or has failed.
 */
export type ProgressState = "probe" | "replicate" | "snapshot";

/** What a leader knows of a peer. */
export interface ProgressStatus {
  readonly replica: number;
  readonly state: ProgressState;
  /** The peer's log agrees with the leader's up to here, durably. */
  readonly match: number;
  /** The next entry to send. Invariant: `match < next`. */
  readonly next: number;
  /** Whether nothing is sent until the peer answers. */
  readonly paused: boolean;
  /** The index of the snapshot under way; 0 when there is none. */
  readonly pendingSnapshot: number;
  /** Whether the peer was heard of within the last election timeout. */
  readonly recentActive: boolean;
  readonly learner: boolean;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
}

/** A replica at one moment. A copy: it does not change afterwards. */
export interface Status {
  readonly id: number;
  readonly hardState: HardState;
  readonly role: Role;
  /** 0 when none is known. */
  readonly leader: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly configuration: Configuration;
  /** Whether an unapplied entry may change the configuration: a further change would be refused. */
  readonly changePending: boolean;
  /** To whom leadership is being handed; 0 when to nobody. */
  readonly transferTarget: number;
  /** Bytes that wait for commitment; 0 except at a leader. */
  readonly uncommittedBytes: number;
  /** Reads waiting at this leader for confirmation. */
  readonly pendingReads: number;
  /** Whether a lease read would be answered now without asking anyone. */
  readonly leaseValid: boolean;
  /** One per member, ascending by replica; empty except at a leader. */
  readonly progress: readonly ProgressStatus[];
}
