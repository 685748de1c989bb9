/** Snapshot files, for programs that keep and check them. The format is in SNAPSHOT.md. */
export { type SnapshotSummary, verifySnapshot } from "./maintenance/snapshot-reader.ts";
export { SnapshotError } from "./maintenance/snapshot-error.ts";
