import { checksum } from "./checksum.ts";
import {
  formatVersion,
  logIdBytes,
  saltBytes,
  segmentHeaderBytes,
  segmentHeaderUsedBytes,
  segmentMagic,
} from "./format.ts";

/** What a segment says of itself in its first block. */
export interface SegmentHeader {
  /** The segment's place in the log, 1 for the first ever; also in the file's name. */
  readonly sequence: number;
  /** Size of the file. */
  readonly bytes: number;
  /** Random, new each time the file is used: batches of an earlier life carry another one. */
  readonly salt: Uint8Array;
  /** Names the log, so that a file copied in from another directory is noticed. */
  readonly logId: Uint8Array;
}

const checksumBytes = 4;

/** The header block. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const block = new Uint8Array(segmentHeaderBytes);
  const view = new DataView(block.buffer);
  block.set(segmentMagic, 0);
  view.setUint32(8, formatVersion, true);
  view.setUint32(12, segmentHeaderBytes, true);
  view.setBigUint64(16, BigInt(header.sequence), true);
  block.set(header.salt, 24);
  view.setBigUint64(32, BigInt(header.bytes), true);
  block.set(header.logId, 40);
  view.setUint32(60, checksum(block.subarray(0, segmentHeaderUsedBytes - checksumBytes)), true);
  return block;
}

/** The header in a block, or a sentence on what is wrong with it. */
export function decodeSegmentHeader(block: Uint8Array): SegmentHeader | string {
  if (block.length < segmentHeaderUsedBytes) return "the file is shorter than a segment's header";
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  for (let at = 0; at < segmentMagic.length; at++) {
    if (block[at] !== segmentMagic[at]) return "the file does not begin like a segment";
  }
  if (checksum(block.subarray(0, 60)) !== view.getUint32(60, true)) {
    return "the segment's header does not match its checksum";
  }
  const version = view.getUint32(8, true);
  if (version !== formatVersion)
    return `the segment has format version ${version}, this code reads ${formatVersion}`;
  return {
    sequence: Number(view.getBigUint64(16, true)),
    bytes: Number(view.getBigUint64(32, true)),
    salt: block.slice(24, 24 + saltBytes),
    logId: block.slice(40, 40 + logIdBytes),
  };
}
