import { type Entry, EntryType } from "../core/entry.ts";
import type { HardState } from "../core/hard-state.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import { checksum, entrySeed } from "./checksum.ts";
import { entryHeaderBytes, recordHeaderBytes, RecordType } from "./format.ts";
import type { EntryPosition, LogRecord } from "./record.ts";

/**
 * What lies at a place where a record should be. `damaged` with a group: the record's header can be believed, so the
 * damage is that group's alone and the next record is found at `next`. Without one, nothing behind it can be found.
 */
export type DecodedRecord =
  | { readonly ok: true; readonly record: LogRecord; readonly next: number }
  | { readonly ok: false; readonly problem: string; readonly group?: number; readonly next?: number };

/** Decodes the record at `at`; `end` is where the batch's body ends. */
export function decodeRecord(segment: Uint8Array, at: number, end: number): DecodedRecord {
  if (at + recordHeaderBytes > end)
    return { ok: false, problem: "a record begins too close to the batch's end" };
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  const type = view.getUint32(at + 4, true);
  const payloadStart = at + recordHeaderBytes;
  const next = payloadStart + view.getUint32(at + 16, true);
  if (next > end) return { ok: false, problem: "a record reaches past the batch's end" };
  const coveredEnd = type === RecordType.Entries ? payloadStart : next;
  if (checksum(segment.subarray(at + 4, coveredEnd)) !== view.getUint32(at, true)) {
    return { ok: false, problem: "a record does not match its checksum" };
  }
  const group = readU64(view, at + 8);
  const fields = { view, at: payloadStart, end: next };
  try {
    if (type === RecordType.Entries) {
      const first = readU64(view, at + 24);
      const count = view.getUint32(at + 20, true);
      return decodeEntries(segment, fields, { group, first, count });
    }
    const record = decodePayload(type, group, readU64(view, at + 24), fields);
    if (record === undefined)
      return { ok: false, problem: `a record has the unknown type ${type}`, group, next };
    return { ok: true, record, next };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { ok: false, problem: `a record of type ${type} is too short`, group, next };
  }
}

/**
 * The entry whose header begins at `at`, or undefined when it does not match its checksum. Its data is a view of
 * `bytes`, not a copy.
 */
export function decodeEntry(
  bytes: Uint8Array,
  at: number,
  place: { readonly group: number; readonly index: number },
): Entry | undefined {
  if (at + entryHeaderBytes > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = at + entryHeaderBytes + view.getUint32(at + 4, true);
  if (end > bytes.length) return undefined;
  const sum = checksum(bytes.subarray(at + 4, end), entrySeed(place.group, place.index));
  if (sum !== view.getUint32(at, true)) return undefined;
  const type = view.getUint8(at + 15);
  if (type !== EntryType.Normal && type !== EntryType.ConfChange) return undefined;
  return {
    type,
    term: readTerm(view, at + 8),
    index: place.index,
    data: bytes.subarray(at + entryHeaderBytes, end),
  };
}

interface Fields {
  readonly view: DataView;
  at: number;
  readonly end: number;
}

function decodeEntries(
  segment: Uint8Array,
  fields: Fields,
  record: { readonly group: number; readonly first: number; readonly count: number },
): DecodedRecord {
  const { group, first, count } = record;
  const positions: EntryPosition[] = [];
  let at = fields.at;
  for (let place = 0; place < count; place++) {
    const entry = decodeEntry(segment.subarray(0, fields.end), at, { group, index: first + place });
    if (entry === undefined) {
      const problem = `entry ${first + place} of group ${group} does not match its checksum`;
      return { ok: false, problem, group, next: fields.end };
    }
    positions.push({ type: entry.type, term: entry.term, offset: at, dataBytes: entry.data.length });
    at += entryHeaderBytes + entry.data.length;
  }
  if (at !== fields.end) {
    return {
      ok: false,
      problem: `the entries of group ${group} do not fill their record`,
      group,
      next: fields.end,
    };
  }
  return { ok: true, record: { kind: "entries", group, first, entries: positions }, next: fields.end };
}

function decodePayload(type: number, group: number, index: number, fields: Fields): LogRecord | undefined {
  switch (type) {
    case RecordType.Created:
      return { kind: "created", group };
    case RecordType.Removed:
      return { kind: "removed", group };
    case RecordType.HardState:
      return { kind: "hardState", group, hardState: hardStateFields(fields) };
    case RecordType.Snapshot:
      return { kind: "snapshot", group, metadata: metadataFields(fields) };
    case RecordType.Compact: {
      const throughTerm = u64(fields);
      return { kind: "compact", group, through: index, throughTerm, metadata: metadataFields(fields) };
    }
    case RecordType.State:
    case RecordType.Restart: {
      const keepsEntries = type === RecordType.State;
      const throughTerm = u64(fields);
      const hardState = hardStateFields(fields);
      const metadata = metadataFields(fields);
      return { kind: "state", group, keepsEntries, through: index, throughTerm, hardState, metadata };
    }
    default:
      return undefined;
  }
}

function hardStateFields(fields: Fields): HardState {
  return { term: u64(fields), vote: u64(fields), commit: u64(fields) };
}

function metadataFields(fields: Fields): SnapshotMetadata {
  const index = u64(fields);
  const term = u64(fields);
  const configurationIndex = u64(fields);
  const autoLeave = u32(fields) === 1;
  const counts = [u32(fields), u32(fields), u32(fields), u32(fields)];
  const [voters = [], votersOutgoing = [], learners = [], learnersNext = []] = counts.map((count) => {
    // Checked before anything is allocated: a count is only as good as the bytes behind it.
    if (fields.at + count * 8 > fields.end) throw new RangeError("more members than the record has room for");
    return Array.from({ length: count }, () => u64(fields));
  });
  const members = { voters, votersOutgoing, learners, learnersNext };
  return { index, term, configuration: { ...members, autoLeave, index: configurationIndex } };
}

function u32(fields: Fields): number {
  if (fields.at + 4 > fields.end) throw new RangeError("the record ends early");
  const value = fields.view.getUint32(fields.at, true);
  fields.at += 4;
  return value;
}

function u64(fields: Fields): number {
  if (fields.at + 8 > fields.end) throw new RangeError("the record ends early");
  const value = readU64(fields.view, fields.at);
  fields.at += 8;
  return value;
}

function readU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

function readTerm(view: DataView, at: number): number {
  return view.getUint32(at, true) + (view.getUint32(at + 4, true) & 0xff_ff_ff) * 2 ** 32;
}
