/**
 * Old segments are freed from the oldest on. A group that is written rarely keeps an old one from being freed by a few
 * bytes: its last vote, or its last entries. Rather than wait for it, those bytes are written again at the log's end.
 *
 * A group with more than a few bytes there is not copied: it pins the segment until it is compacted, and `pinning`
 * says so.
 */
import type { Entry } from "../core/entry.ts";
import { RaftError } from "../core/raft-error.ts";
import { RecordType } from "./format.ts";
import type { GroupLog } from "./group-log.ts";
import { readEntries } from "./group-reader.ts";
import type { LogState } from "./log-state.ts";
import { writeEntries, writeMark, writeState } from "./record-encoder.ts";
import type { Segment } from "./segment.ts";
import type { StagedBatch } from "./staged-batch.ts";

/** A group whose whole log is at most this large is written again; a larger one pins its segment. */
export const maxRewriteBytesPerGroup: number = 64 << 10;

/** At most this share of a segment is written again to free one, so that copying cannot outrun writing. */
const maxRewriteShare = 0.25;

/** What has to be written again before a segment can go. */
export interface RewritePlan {
  readonly groups: readonly { readonly log: GroupLog; readonly withEntries: boolean }[];
  readonly removed: readonly number[];
}

/** What it takes to free `oldest`; undefined when it is too much. */
export function planRewrite(state: LogState, oldest: Segment): RewritePlan | undefined {
  let budget = oldest.bytes * maxRewriteShare;
  const groups: { log: GroupLog; withEntries: boolean }[] = [];
  for (const log of state.all()) {
    const withEntries = log.entries.oldestSegment === oldest;
    if (!withEntries && !log.hasStateIn(oldest)) continue;
    const bytes = withEntries ? log.entries.totalBytes() : 0;
    budget -= bytes;
    if (log.damage !== undefined || bytes > maxRewriteBytesPerGroup || budget < 0) return undefined;
    groups.push({ log, withEntries });
  }
  const removed = [...state.removed].filter(([, segment]) => segment === oldest).map(([group]) => group);
  return { groups, removed };
}

/** Groups whose entries keep `oldest` from being freed, the largest first. */
export function pinningGroups(
  state: LogState,
  oldest: Segment,
): { readonly group: number; readonly bytes: number }[] {
  const pinning: { group: number; bytes: number }[] = [];
  for (const log of state.all()) {
    if (log.entries.oldestSegment === oldest)
      pinning.push({ group: log.group, bytes: log.entries.totalBytes() });
  }
  return pinning.toSorted((one, other) => other.bytes - one.bytes);
}

/**
 * Encodes the plan into an empty batch; returns what moves the groups over once it is durable, or undefined when an
 * entry turns out to be damaged. Its group then pins the segment, like a large one, until it is compacted or removed.
 */
export function stageRewrite(
  plan: RewritePlan,
  batch: StagedBatch,
  state: LogState,
): ((segment: Segment, batchOffset: number) => void) | undefined {
  const moves: ((segment: Segment, batchOffset: number) => void)[] = [];
  for (const { log, withEntries } of plan.groups) {
    const { first, last } = log.entries;
    const current = {
      keepsEntries: !withEntries,
      through: log.through,
      throughTerm: log.throughTerm,
      hardState: log.hardState,
      metadata: log.metadata,
    };
    writeState(batch.writer, log.group, current);
    batch.records += 1;
    moves.push((segment) => log.restoreState(current, segment));
    if (!withEntries) continue;
    const entries = readUndamaged(log, first, last + 1);
    if (entries === undefined) return undefined;
    const offset = writeEntries(batch.writer, log.group, entries);
    batch.records += 1;
    moves.push((segment, batchOffset) =>
      state.apply({ group: log.group, entries }, segment, batchOffset + offset),
    );
  }
  for (const group of plan.removed) {
    writeMark(batch.writer, group, RecordType.Removed);
    batch.records += 1;
    moves.push((segment) => state.remove(group, segment));
  }
  return (segment, batchOffset) => {
    for (const move of moves) move(segment, batchOffset);
  };
}

function readUndamaged(log: GroupLog, low: number, high: number): Entry[] | undefined {
  try {
    return readEntries(log, low, high);
  } catch (error) {
    if (error instanceof RaftError && error.code === "CORRUPT") return undefined;
    throw error;
  }
}
