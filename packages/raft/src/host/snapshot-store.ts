import type { SnapshotMetadata } from "../core/snapshot.ts";

/**
 * Keeps the snapshots of state machines that live in memory, for the next start. A state machine that keeps its own
 * state on disk needs none.
 */
export interface SnapshotStore {
  /** The stored snapshots of a group, the newest first. Unfinished ones do not count. */
  list(group: number): Promise<readonly SnapshotMetadata[]>;
  /**
   * Stores a snapshot. When it resolves the snapshot is complete and survives a power failure; until then the store is
   * as it was. Bytes are checksummed.
   */
  write(group: number, metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * The bytes of a stored snapshot, from `offset` on.
   * @throws RaftError `CORRUPT` while reading, when they are not what was written; `UNAVAILABLE` when it is not there.
   */
  read(group: number, index: number, offset: number): AsyncIterable<Uint8Array>;
  /** Deletes the snapshots of a group that are older than the one at `index`. */
  dropBefore(group: number, index: number): Promise<void>;
}
