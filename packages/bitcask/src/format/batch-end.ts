import { copyBytes } from "./bytes.ts";
import { readUint48, writeUint48 } from "./record.ts";

/**
 * Value of a batch-end record: what makes the records before it count.
 *
 *     | operations u32 | offset of the first u48 | xor of their body checksums u32 | commit metadata |
 *
 * Recovery takes a batch only if this record is whole and describes exactly the records in front of it.
 */
export const batchEndFixedBytes = 14;

export interface BatchEnd {
  readonly operations: number;
  readonly firstOffset: number;
  readonly checksumXor: number;
  /** Opaque to the engine; `undefined` when the batch carried none. */
  readonly meta: Uint8Array | undefined;
}

/** Flag bit in the operation count that tells empty metadata from none. */
const hasMetaBit = 0x8000_0000;

/** Room for the fixed part and the metadata; {@link fillBatchEnd} completes it once the offset is known. */
export function encodeBatchEnd(operations: number, meta: Uint8Array | undefined): Uint8Array {
  const bytes = new Uint8Array(batchEndFixedBytes + (meta?.length ?? 0));
  new DataView(bytes.buffer).setUint32(0, operations + (meta === undefined ? 0 : hasMetaBit), true);
  if (meta) bytes.set(meta, batchEndFixedBytes);
  return bytes;
}

export function fillBatchEnd(
  view: DataView,
  at: number,
  place: { firstOffset: number; checksumXor: number },
): void {
  writeUint48(view, at + 4, place.firstOffset);
  view.setUint32(at + 10, place.checksumXor >>> 0, true);
}

/** The value of a batch-end record, or `undefined` if it is too short to be one. The metadata is a copy. */
export function decodeBatchEnd(value: Uint8Array): BatchEnd | undefined {
  if (value.length < batchEndFixedBytes) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const operations = view.getUint32(0, true);
  const hasMeta = operations >= hasMetaBit;
  return {
    operations: hasMeta ? operations - hasMetaBit : operations,
    firstOffset: readUint48(view, 4),
    checksumXor: view.getUint32(10, true),
    meta: hasMeta ? copyBytes(value, batchEndFixedBytes) : undefined,
  };
}
