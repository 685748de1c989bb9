import type { Entry } from "../core/entry.ts";
import type { HardState } from "../core/hard-state.ts";
import type { LogReader } from "../core/log-reader.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";

/** One group's part of a batch. All parts of a batch become durable together or, after a crash, not at all. */
export interface LogWrite {
  /** The group that writes. A group that was never written before is created by its first write. */
  readonly group: number;
  /** Replaces the hard state. */
  readonly hardState?: HardState;
  /** Contiguous entries; an existing entry at the first one's index and everything after it is dropped first. */
  readonly entries?: readonly Entry[];
  /** A snapshot received from the leader: the whole log is dropped and begins anew after `snapshot.index`. */
  readonly snapshot?: SnapshotMetadata;
  /**
   * A snapshot that this replica took itself: entries up to and including `through` are dropped, `metadata` (whose
   * index is at least `through`) is what `LogReader.snapshot` returns from now on.
   */
  readonly compact?: { readonly through: number; readonly metadata: SnapshotMetadata };
  /**
   * Begins the group anew, with an empty log. Required for a group that was removed before, whose writes are refused
   * otherwise: a write that comes late must not bring a removed group back.
   */
  readonly create?: boolean;
  /** Forget the group. */
  readonly remove?: boolean;
}

/** One durable log for all the groups of a node. */
export interface LogStorage {
  /** The groups that the log knows, ascending; removed ones are not among them. */
  groups(): number[];
  /** The log of one group; an empty one when the group was never written. */
  reader(group: number): LogReader;
  /**
   * Appends one batch. Batches become durable in the order of the calls; the promise resolves when this one is, and
   * only then do the readers see it. With `sync: false` the batch is written and need not survive a power failure:
   * only a hard state whose `commit` alone changed may be written that way.
   * @throws RaftError `POISONED` when this or an earlier batch could not be made durable.
   */
  append(batch: readonly LogWrite[], options?: { readonly sync?: boolean }): Promise<void>;
  /**
   * Makes everything durable that was written without `sync`, and leaves a mark behind the newest batch: damage to that
   * batch can then be told from a write that a crash cut short. Called when there is nothing else to write.
   */
  flush(): Promise<void>;
  /** Groups that lost something which was durable, and what. They are not among `groups`, and can only be removed. */
  damaged(): { readonly group: number; readonly problem: string }[];
  /** Milliseconds since the oldest batch that is not yet durable was handed over; 0 when there is none. */
  oldestPendingMs(): number;
  /** Groups whose old entries keep the oldest segments alive: snapshot them to free the disk. */
  pinning(): { readonly group: number; readonly bytes: number }[];
  /** Waits for pending batches, then releases the files and the lock. */
  close(): Promise<void>;
}
