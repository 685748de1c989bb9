import { EntryCache } from "./entry-cache.ts";
import type { LogDamage, TornTail } from "./damage.ts";
import type { FileSystem } from "./file-system.ts";
import { LogState } from "./log-state.ts";
import { nodeFileSystem } from "./node-file-system.ts";
import { replay } from "./replay.ts";

/** What a log's files hold. */
export interface LogReport {
  /** Files in use, and their size together. */
  readonly segments: number;
  readonly bytes: number;
  readonly batches: number;
  readonly records: number;
  /** Each group that exists, ascending, with what is kept of its log. */
  readonly groups: readonly GroupReport[];
  /** Groups that were removed, ascending. */
  readonly removed: readonly number[];
  /** Everything that is not what was written, although it was reported durable. Empty in a sound log. */
  readonly damage: readonly LogDamage[];
  /** A last batch that was never completed: what a crash leaves. No damage. */
  readonly tornTail: TornTail | undefined;
}

/** What is kept of the log of one group. */
export interface GroupReport {
  readonly group: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Bytes of entry data. */
  readonly bytes: number;
  readonly term: number;
  readonly vote: number;
  readonly commit: number;
  readonly snapshotIndex: number;
  readonly snapshotTerm: number;
}

/**
 * Reads the whole log in a directory, checks every checksum, and reports what is there. Changes nothing and takes no
 * lock: beside a running process, what is being written may look torn.
 */
export function verifyLog(directory: string, fileSystem: FileSystem = nodeFileSystem): LogReport {
  const state = new LogState(new EntryCache(0));
  let batches = 0;
  let records = 0;
  const found = replay(fileSystem, directory, {
    mode: "read",
    visitor: {
      batch: () => {
        batches += 1;
      },
      record: (record, segment) => {
        records += 1;
        return state.replay(record, segment);
      },
    },
  });
  for (const segment of [...found.segments, ...found.surplus]) segment.file.close();
  const damage = [...found.damage, ...state.finishReplay()];
  return {
    segments: found.segments.length,
    bytes: found.segments.reduce((total, segment) => total + segment.bytes, 0),
    batches,
    records,
    groups: groupReports(state),
    removed: [...state.removed.keys()].toSorted((one, other) => one - other),
    damage,
    tornTail: found.tornTail,
  };
}

function groupReports(state: LogState): GroupReport[] {
  const reports: GroupReport[] = [];
  for (const { group, exists, entries, hardState, metadata } of state.all()) {
    if (!exists) continue;
    reports.push({
      group,
      firstIndex: entries.first,
      lastIndex: entries.last,
      bytes: entries.totalBytes(),
      ...hardState,
      snapshotIndex: metadata.index,
      snapshotTerm: metadata.term,
    });
  }
  return reports.toSorted((one, other) => one.group - other.group);
}
