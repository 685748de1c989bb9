import type { Entry } from "./entry.ts";
import type { HardState } from "./hard-state.ts";
import type { Message } from "./message.ts";
import type { SnapshotMetadata } from "./snapshot.ts";

/** The part a replica plays in its term. */
export type Role = "follower" | "preCandidate" | "candidate" | "leader";

/** What need not survive a crash. */
export interface SoftState {
  readonly role: Role;
  /** The leader of the current term as far as this replica knows; 0 means none is known. */
  readonly leader: number;
}

/** A linearizable read may be answered from the state machine as soon as `index` has been applied. */
export interface ReadState {
  /** What `readIndex` returned. */
  readonly ticket: number;
  readonly index: number;
}

/** What both modes have. */
interface Outcome {
  /** Set when the role or the known leader changed. */
  readonly softState?: SoftState;
  readonly readStates: readonly ReadState[];
  /** Reads asked of this replica as a leader that it can no longer answer: ask again, with a new ticket. */
  readonly abandonedReads: readonly number[];
}

/**
 * Work for the caller in the ready/advance mode. In this order: make `entries`, `hardState` and `snapshot` durable (one
 * atomic write; `mustSync` says whether it must reach the disk), then send `messages`, apply `snapshot` and then
 * `committedEntries`, then call `advance`. Only a leader may send before its own write is durable (dissertation, section
 * 10.2.1); it is simplest not to.
 */
export interface Ready extends Outcome {
  /** Set when term, vote or commit changed. */
  readonly hardState?: HardState;
  /** To be appended; whatever the log already has from the first one's index on is dropped. */
  readonly entries: readonly Entry[];
  /** A snapshot from the leader: it replaces the whole log and the state of the application. */
  readonly snapshot?: SnapshotMetadata;
  /** To be applied, in order. May contain entries of this same `entries`: they are durable by then. */
  readonly committedEntries: readonly Entry[];
  /** To be sent once the write above is durable. The transport may lose them. */
  readonly messages: readonly Message[];
  /** Whether the write must survive a power failure before any message is sent. False when only `commit` moved. */
  readonly mustSync: boolean;
}

/**
 * One write to the log, in the asynchronous mode. Writes must become durable in the order they are handed out; several
 * may be under way. When this one and all before it are durable: send `messages`, then call `RawNode.appended`.
 * A write without `hardState`, `entries` and `snapshot` is only a place in that order.
 */
export interface StorageAppend {
  readonly hardState?: HardState;
  /** See `Ready.entries`. */
  readonly entries: readonly Entry[];
  /**
   * See `Ready.snapshot`. The application is restored before `RawNode.appended` is called; until then no other write
   * brings a snapshot.
   */
  readonly snapshot?: SnapshotMetadata;
  /** False when only `commit` moved: the write must keep its place in the order and need not survive a power failure. */
  readonly mustSync: boolean;
  /** Promises to other replicas that this write (or one before it) makes true. Never send them earlier. */
  readonly messages: readonly Message[];
  /** For `RawNode.appended`; opaque. */
  readonly completion: AppendCompletion;
}

/** What becomes true for the replica itself when a write is durable. */
export interface AppendCompletion {
  /** The term in which the write was handed out. */
  readonly term: number;
  /** The newest entry of the write or of one before it that is not yet known to be durable; 0 when there is none. */
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The snapshot of the write; 0 when there is none. */
  readonly snapshotIndex: number;
  /** Votes and acknowledgements of the replica for itself. */
  readonly ownMessages: readonly Message[];
}

/** Entries to apply, in the asynchronous mode, in the order handed out; then call `RawNode.applied`. */
export interface StorageApply {
  /** Committed, durable on this replica, contiguous. */
  readonly entries: readonly Entry[];
}

/** Work for the caller in the asynchronous mode. */
export interface AsyncReady extends Outcome {
  /** To be sent at once; nothing here depends on this replica's disk. */
  readonly messages: readonly Message[];
  readonly append?: StorageAppend;
  readonly apply?: StorageApply;
}
