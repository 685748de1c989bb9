import { copyBytes } from "./bytes.ts";
import { checksum } from "./checksum.ts";
import { expiryBytes, readUint48, recordFlags, recordSeed, writeUint48 } from "./record.ts";

/**
 * A hint file repeats what opening the store needs from a data file, without the values: one entry per record, in file
 * order, in checksummed blocks, and a closing summary. A hint whose summary is missing or does not match its data file
 * is not used; hints are only ever a faster way to learn what the data file says.
 *
 *     block:   | crc u32 | payload length u32 | entries u32 | entry ... |
 *     entry:   | seq u48 | offset u48 | size u32 | type u8 | flags u8 | key length u16 | expiry u48? | key |
 *     summary: a block whose entry count is 0xffffffff
 */
export const hintBlockHeadBytes = 12;
export const hintEntryHeadBytes = 20;
const summaryMark = 0xffff_ffff;

/** What the summary says about the data file. */
export interface HintSummary {
  /** Size of the data file when it was sealed. */
  readonly dataSize: number;
  readonly records: number;
  readonly minSeq: number;
  readonly maxSeq: number;
  /** Newest commit metadata in the file, with the sequence number of its batch. */
  readonly meta: { readonly seq: number; readonly bytes: Uint8Array } | undefined;
}

/** Writes one entry; the buffer has room. Returns its end. */
export function writeHintEntry(
  target: { bytes: Uint8Array; view: DataView; at: number },
  entry: { seq: number; offset: number; size: number; type: number; flags: number; expiresAtMs: number },
  key: { bytes: Uint8Array; start: number; end: number },
): number {
  const { bytes, view, at } = target;
  writeUint48(view, at, entry.seq);
  writeUint48(view, at + 6, entry.offset);
  view.setUint32(at + 12, entry.size, true);
  view.setUint8(at + 16, entry.type);
  view.setUint8(at + 17, entry.flags);
  view.setUint16(at + 18, key.end - key.start, true);
  let next = at + hintEntryHeadBytes;
  if ((entry.flags & recordFlags.expires) !== 0) {
    writeUint48(view, next, entry.expiresAtMs);
    next += expiryBytes;
  }
  for (let from = key.start; from < key.end; from++) bytes[next++] = key.bytes[from]!;
  return next;
}

/** A reusable look at one hint entry, as {@link RecordCursor} is for records. */
export class HintCursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  seq = 0;
  offset = 0;
  size = 0;
  type = 0;
  flags = 0;
  expiresAtMs = 0;
  keyStart = 0;
  keyEnd = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Decodes the entry at `at`; returns where the next one starts. */
  moveTo(at: number): number {
    const { view } = this;
    this.seq = readUint48(view, at);
    this.offset = readUint48(view, at + 6);
    this.size = view.getUint32(at + 12, true);
    this.type = view.getUint8(at + 16);
    this.flags = view.getUint8(at + 17);
    let next = at + hintEntryHeadBytes;
    if ((this.flags & recordFlags.expires) === 0) this.expiresAtMs = 0;
    else {
      this.expiresAtMs = readUint48(view, next);
      next += expiryBytes;
    }
    this.keyStart = next;
    this.keyEnd = next + view.getUint16(at + 18, true);
    return this.keyEnd;
  }
}

/** Completes a block that starts at `start` of the buffer and will be written at `position` of the file. */
export function sealHintBlock(
  bytes: Uint8Array,
  view: DataView,
  block: { start: number; end: number; entries: number; fileSeed: number; position: number },
): void {
  const { start, end } = block;
  view.setUint32(start + 4, end - start - hintBlockHeadBytes, true);
  view.setUint32(start + 8, block.entries, true);
  view.setUint32(start, checksum(bytes, start + 4, end, recordSeed(block.fileSeed, block.position)), true);
}

/** The block at `start` of a whole hint file's bytes, or `undefined` if it is damaged or cut. */
export function readHintBlock(
  bytes: Uint8Array,
  view: DataView,
  block: { start: number; fileSeed: number },
): { entries: number; payloadStart: number; end: number; isSummary: boolean } | undefined {
  const { start, fileSeed } = block;
  if (start + hintBlockHeadBytes > bytes.length) return undefined;
  const end = start + hintBlockHeadBytes + view.getUint32(start + 4, true);
  if (end > bytes.length) return undefined;
  if (view.getUint32(start, true) !== checksum(bytes, start + 4, end, recordSeed(fileSeed, start)))
    return undefined;
  const entries = view.getUint32(start + 8, true);
  return { entries, payloadStart: start + hintBlockHeadBytes, end, isSummary: entries === summaryMark };
}

export function encodeHintSummary(
  summary: HintSummary,
  place: { fileSeed: number; position: number },
): Buffer {
  const metaBytes = summary.meta?.bytes ?? new Uint8Array(0);
  const bytes = Buffer.alloc(hintBlockHeadBytes + 30 + metaBytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = hintBlockHeadBytes;
  writeUint48(view, at, summary.dataSize);
  view.setUint32(at + 6, summary.records, true);
  writeUint48(view, at + 10, summary.minSeq);
  writeUint48(view, at + 16, summary.maxSeq);
  writeUint48(view, at + 22, summary.meta?.seq ?? 0);
  // A batch may carry empty metadata, which is not the same as none.
  view.setUint16(at + 28, summary.meta === undefined ? 0xffff : metaBytes.length, true);
  bytes.set(metaBytes, at + 30);
  sealHintBlock(bytes, view, { start: 0, end: bytes.length, entries: summaryMark, ...place });
  return bytes;
}

export function decodeHintSummary(bytes: Uint8Array, view: DataView, at: number): HintSummary {
  const metaLength = view.getUint16(at + 28, true);
  return {
    dataSize: readUint48(view, at),
    records: view.getUint32(at + 6, true),
    minSeq: readUint48(view, at + 10),
    maxSeq: readUint48(view, at + 16),
    meta:
      metaLength === 0xffff
        ? undefined
        : { seq: readUint48(view, at + 22), bytes: copyBytes(bytes, at + 30, at + 30 + metaLength) },
  };
}
