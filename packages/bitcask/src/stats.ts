import type { MergeResult } from "./events.ts";
import type { Store } from "./store.ts";

/** What an operator wants to know. All sizes in bytes. */
export interface BitcaskStats {
  /** Keys, including those that have expired but were not merged away yet. */
  readonly keys: number;
  readonly files: number;
  /** Sum of the data files. */
  readonly totalBytes: number;
  /** Bytes of records that are current. */
  readonly liveBytes: number;
  /** What a merge of everything would win back. */
  readonly deadBytes: number;
  readonly tombstones: number;
  /** Memory held by the keydir, outside the JavaScript heap. */
  readonly keydirBytes: number;
  /** Values that were written as streams. */
  readonly streamedValues: number;
  /** Sequence number of the last write. */
  readonly lastSeq: number;
  /** Sequence number up to which everything is durable. */
  readonly durableSeq: number;
  /** Encoded writes that are waiting. */
  readonly pendingBytes: number;
  /** Handed to the system since opening, merges not included. */
  readonly bytesWritten: number;
  readonly openFiles: number;
  readonly snapshots: number;
  readonly sync: {
    readonly count: number;
    readonly meanMs: number;
    readonly p99Ms: number;
    readonly maxMs: number;
  };
  readonly lastMerge: MergeResult | undefined;
  /** Code of the error that stopped writing, if one did. */
  readonly writesStopped: string | undefined;
}

export function collectStats(store: Store, lastMerge: MergeResult | undefined): BitcaskStats {
  const { table, state, log, commit } = store;
  let totalBytes = 0;
  let liveBytes = 0;
  let deadBytes = 0;
  let tombstones = 0;
  for (const file of table.values()) {
    totalBytes += file.size;
    liveBytes += file.liveBytes;
    deadBytes += file.deadBytes;
    tombstones += file.tombstones;
  }
  return {
    keys: state.keydir.size,
    files: table.size,
    totalBytes,
    liveBytes,
    deadBytes,
    tombstones,
    keydirBytes: state.keydir.bytes,
    streamedValues: state.blobs.size,
    lastSeq: log.lastSeq,
    durableSeq: log.durable.seq,
    pendingBytes: commit.pendingBytes,
    bytesWritten: log.bytesWritten,
    openFiles: table.openCount,
    snapshots: state.retirement.snapshots,
    sync: log.syncTimes.summary(),
    lastMerge,
    writesStopped: log.failure.stopped?.code,
  };
}
