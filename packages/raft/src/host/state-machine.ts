import type { Entry } from "../core/entry.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";

/**
 * The application of one group: what the entries of the log do. Every replica applies the same entries in the same order
 * and must come to the same state: nothing may depend on the time, on chance or on the replica.
 *
 * A state machine may keep its state on disk or in memory. On disk: it remembers durably up to where it has applied, and
 * `appliedIndex` says so. In memory: `appliedIndex` is 0, and the group is given a `SnapshotStore`.
 *
 * Calls never overlap: the next one comes when the promise of the last one has settled. An error thrown by any of them
 * stops the group on this node; it does not stop the host.
 */
export interface StateMachine<Result = unknown> {
  /**
   * Up to where what was applied survives a crash; 0 when nothing does. It may lag behind what was applied, and never
   * goes back. The log is compacted no further, unless the group has a `SnapshotStore`.
   */
  appliedIndex(): number;
  /**
   * Applies entries, in order, without gaps: the first one follows the last one applied before. Returns one result for
   * each; whoever proposed the entry on this node gets it.
   *
   * Among them are entries that are not commands: changes of membership (`type` is `ConfChange`) and empty ones, with
   * which a leader begins its term. They count for `appliedIndex` and are otherwise to be skipped.
   *
   * After a crash, entries behind `appliedIndex` come again. The entries and their data belong to the log: do not change
   * them, and copy what is to be kept.
   */
  apply(entries: readonly Entry[]): readonly Result[] | Promise<readonly Result[]>;
  /**
   * Takes hold of the state as it is now, with everything applied so far and nothing more, while applying goes on.
   */
  snapshot(): StateSnapshot | Promise<StateSnapshot>;
  /**
   * Takes in another replica's state, chunk by chunk, beside the present state, which goes on being used until
   * `install`. Called while entries are applied: the one call that may overlap with others. When `chunks` throws, the
   * transfer has failed: clean up and throw.
   */
  receive(metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<ReceivedState>;
  /**
   * For a state machine that goes on working when a call has returned, for instance to write to its disk later. Called once,
   * at the start: whenever that work fails, `stop` stops the group on this node, as an error thrown by a call does.
   */
  onFailure?(stop: (error: unknown) => void): void;
}

/** A state that does not change any more. */
export interface StateSnapshot {
  /**
   * The bytes of the state from `offset` on, in chunks of any size. May be asked for more than once, with different
   * offsets: a broken transfer continues where it broke off. The bytes must be the same each time.
   */
  read(offset: number): AsyncIterable<Uint8Array>;
  /** Nobody will read any more. */
  close(): void | Promise<void>;
}

/** A state that is complete and waits to take the place of the present one. */
export interface ReceivedState {
  /** Replaces the present state. A state on disk must be durable, with its applied index, when this resolves. */
  install(): void | Promise<void>;
  /** It is not needed after all. */
  discard(): void | Promise<void>;
}
