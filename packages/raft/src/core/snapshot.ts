import type { Configuration } from "./configuration.ts";

/**
 * What the core knows of a snapshot: which prefix of the log it replaces. The data of the application travels beside
 * the messages, in checksummed chunks.
 */
export interface SnapshotMetadata {
  /** The last entry that the snapshot covers; 0 means there is no snapshot. */
  readonly index: number;
  /** The term of that entry. */
  readonly term: number;
  /** The configuration as of that entry. */
  readonly configuration: Configuration;
}
