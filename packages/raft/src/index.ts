export { type Configuration, emptyConfiguration } from "./core/configuration.ts";
export { type Entry, EntryType } from "./core/entry.ts";
export { emptyHardState, type HardState } from "./core/hard-state.ts";
export type { LogReader } from "./core/log-reader.ts";
export { RaftError, type RaftErrorCode } from "./core/raft-error.ts";
export type { SnapshotMetadata } from "./core/snapshot.ts";
