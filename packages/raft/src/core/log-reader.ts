import type { Configuration } from "./configuration.ts";
import type { Entry } from "./entry.ts";
import type { HardState } from "./hard-state.ts";
import type { SnapshotMetadata } from "./snapshot.ts";

/**
 * The durable log of one group, as its core reads it. Every call is synchronous and sees exactly the writes that have
 * been reported durable; entries that are still on their way to the disk are the core's own business.
 *
 * Invariant: `firstIndex() <= lastIndex() + 1`, and the entry before the first one is remembered by its term.
 */
export interface LogReader {
  /**
   * What the replica remembered when it was opened. Read once, when the core is made. The configuration is the one as
   * of `snapshot().index`; the core itself folds in the changes that lie between there and the applied index.
   */
  initialState(): { readonly hardState: HardState; readonly configuration: Configuration };
  /** The oldest index that `entries` can return: one past the newest compaction or snapshot; 1 in a fresh log. */
  firstIndex(): number;
  /** The newest durable index; `firstIndex() - 1` when there is no entry. */
  lastIndex(): number;
  /**
   * The term of an entry in `[firstIndex() - 1, lastIndex()]`.
   * @throws RaftError `COMPACTED` below that range, `UNAVAILABLE` above it.
   */
  term(index: number): number;
  /**
   * Entries in `[low, high)`, as many as fit into `maxBytes` of data, at least one.
   * @throws RaftError `COMPACTED` when `low < firstIndex()`, `UNAVAILABLE` when `high > lastIndex() + 1`,
   * `CORRUPT` when an entry does not match its checksum.
   */
  entries(low: number, high: number, maxBytes: number): Entry[];
  /** The newest snapshot of the group; its index is 0 when there is none. */
  snapshot(): SnapshotMetadata;
}
