import type { Entry } from "../core/entry.ts";
import type { HardState } from "../core/hard-state.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import type { LogBuffer } from "./log-buffer.ts";
import { checksum, entrySeed } from "./checksum.ts";
import { entryHeaderBytes, recordHeaderBytes, RecordType } from "./format.ts";

/** Appends a record that says nothing but its type: the group was created or removed. */
export function writeMark(
  writer: LogBuffer,
  group: number,
  type: typeof RecordType.Created | typeof RecordType.Removed,
): void {
  const start = begin(writer, { type, group, index: 0, count: 0 });
  finish(writer, start);
}

/** Appends a hard state. */
export function writeHardState(writer: LogBuffer, group: number, hardState: HardState): void {
  const start = begin(writer, { type: RecordType.HardState, group, index: 0, count: 0 });
  hardStateFields(writer, hardState);
  finish(writer, start);
}

/** Appends contiguous entries and returns where the first one's header begins in `writer`. */
export function writeEntries(writer: LogBuffer, group: number, entries: readonly Entry[]): number {
  const first = entries[0]?.index ?? 0;
  const start = begin(writer, { type: RecordType.Entries, group, index: first, count: entries.length });
  const firstEntry = writer.length;
  for (const entry of entries) writeEntry(writer, group, entry);
  writer.setU32(start + 16, writer.length - firstEntry);
  // The entries vouch for themselves, one by one; this checksum vouches for the header alone.
  writer.setU32(start, checksum(writer.slice(start + 4, start + recordHeaderBytes)));
  return firstEntry;
}

/** Appends a snapshot received from the leader. */
export function writeSnapshot(writer: LogBuffer, group: number, metadata: SnapshotMetadata): void {
  const start = begin(writer, { type: RecordType.Snapshot, group, index: metadata.index, count: 0 });
  metadataFields(writer, metadata);
  finish(writer, start);
}

/** Appends a compaction. */
export function writeCompact(
  writer: LogBuffer,
  group: number,
  compact: { readonly through: number; readonly throughTerm: number; readonly metadata: SnapshotMetadata },
): void {
  const start = begin(writer, { type: RecordType.Compact, group, index: compact.through, count: 0 });
  writer.u64(compact.throughTerm);
  metadataFields(writer, compact.metadata);
  finish(writer, start);
}

/** Appends all that is known of a group but its entries. */
export function writeState(
  writer: LogBuffer,
  group: number,
  state: {
    readonly keepsEntries: boolean;
    readonly through: number;
    readonly throughTerm: number;
    readonly hardState: HardState;
    readonly metadata: SnapshotMetadata;
  },
): void {
  const type = state.keepsEntries ? RecordType.State : RecordType.Restart;
  const start = begin(writer, { type, group, index: state.through, count: 0 });
  writer.u64(state.throughTerm);
  hardStateFields(writer, state.hardState);
  metadataFields(writer, state.metadata);
  finish(writer, start);
}

function begin(
  writer: LogBuffer,
  header: {
    readonly type: RecordType;
    readonly group: number;
    readonly index: number;
    readonly count: number;
  },
): number {
  const start = writer.length;
  writer.u32(0);
  writer.u32(header.type);
  writer.u64(header.group);
  writer.u32(0);
  writer.u32(header.count);
  writer.u64(header.index);
  return start;
}

function finish(writer: LogBuffer, start: number): void {
  writer.setU32(start + 16, writer.length - start - recordHeaderBytes);
  writer.setU32(start, checksum(writer.slice(start + 4, writer.length)));
}

function writeEntry(writer: LogBuffer, group: number, entry: Entry): void {
  const start = writer.length;
  writer.u32(0);
  writer.u32(entry.data.length);
  writer.u64(entry.term);
  // A term is a safe integer: its eighth byte is free for the type.
  writer.setU8(start + 15, entry.type);
  writer.bytes(entry.data);
  const end = start + entryHeaderBytes + entry.data.length;
  writer.setU32(start, checksum(writer.slice(start + 4, end), entrySeed(group, entry.index)));
}

function hardStateFields(writer: LogBuffer, hardState: HardState): void {
  writer.u64(hardState.term);
  writer.u64(hardState.vote);
  writer.u64(hardState.commit);
}

function metadataFields(writer: LogBuffer, metadata: SnapshotMetadata): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave, index } = metadata.configuration;
  writer.u64(metadata.index);
  writer.u64(metadata.term);
  writer.u64(index);
  writer.u32(autoLeave ? 1 : 0);
  for (const members of [voters, votersOutgoing, learners, learnersNext]) writer.u32(members.length);
  for (const members of [voters, votersOutgoing, learners, learnersNext]) {
    for (const member of members) writer.u64(member);
  }
}
