import type { LogBuffer } from "./log-buffer.ts";
import { checksum } from "./checksum.ts";
import { batchHeaderBytes, batchMagic } from "./format.ts";

/** What a batch says of itself. */
export interface BatchHeader {
  /** CRC-32 of everything behind it, seeded with `previousChecksum`: a batch vouches for all before it. */
  readonly checksum: number;
  /** The checksum of the batch before this one, 0 for the first of a log. */
  readonly previousChecksum: number;
  /** The batch's number in the log, 1 for the first ever. */
  readonly sequence: number;
  /** The oldest segment that is still needed when this batch is durable. */
  readonly oldestSegment: number;
  /** Length of what follows the header, padding included. */
  readonly bodyBytes: number;
  /** Records in the body. */
  readonly records: number;
}

/** Fills in the header at the start of `writer`, whose body is complete and padded, and returns the checksum. */
export function finishBatch(
  writer: LogBuffer,
  header: Omit<BatchHeader, "checksum" | "bodyBytes">,
  salt: Uint8Array,
): number {
  writer.setU32(0, batchMagic);
  writer.setU32(12, header.previousChecksum);
  for (let at = 0; at < salt.length; at++) writer.setU8(16 + at, salt[at] ?? 0);
  writer.setU64(24, header.sequence);
  writer.setU64(32, header.oldestSegment);
  writer.setU32(40, writer.length - batchHeaderBytes);
  writer.setU32(44, header.records);
  // The header has a checksum of its own, so that its length can be believed when the body is damaged.
  writer.setU32(8, checksum(writer.slice(12, batchHeaderBytes)));
  const sum = checksum(writer.slice(8, writer.length), header.previousChecksum);
  writer.setU32(4, sum);
  return sum;
}

/** The header at `at` when there is an undamaged one that belongs to this life of the segment. */
export function readBatchHeader(segment: Uint8Array, at: number, salt: Uint8Array): BatchHeader | undefined {
  if (at + batchHeaderBytes > segment.length) return undefined;
  const view = new DataView(segment.buffer, segment.byteOffset + at, batchHeaderBytes);
  if (view.getUint32(0, true) !== batchMagic) return undefined;
  for (let byte = 0; byte < salt.length; byte++) {
    if (segment[at + 16 + byte] !== salt[byte]) return undefined;
  }
  if (checksum(segment.subarray(at + 12, at + batchHeaderBytes)) !== view.getUint32(8, true))
    return undefined;
  return {
    checksum: view.getUint32(4, true),
    previousChecksum: view.getUint32(12, true),
    sequence: Number(view.getBigUint64(24, true)),
    oldestSegment: Number(view.getBigUint64(32, true)),
    bodyBytes: view.getUint32(40, true),
    records: view.getUint32(44, true),
  };
}

/** Whether the body behind an undamaged header is undamaged too. */
export function batchIsIntact(segment: Uint8Array, at: number, header: BatchHeader): boolean {
  const end = at + batchHeaderBytes + header.bodyBytes;
  if (end > segment.length) return false;
  return checksum(segment.subarray(at + 8, end), header.previousChecksum) === header.checksum;
}
