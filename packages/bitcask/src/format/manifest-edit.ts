import { copyBytes } from "./bytes.ts";
import { BitcaskError } from "../errors.ts";
import { checksum } from "./checksum.ts";
import { readUint48, recordSeed, writeUint48 } from "./record.ts";

/**
 * Edits of the manifest. One frame is one atomic edit: a length, a checksum and any number of operations. A merge, for
 * example, commits by one frame that adds its outputs and removes its inputs.
 */
export type ManifestOperation =
  /** The file belongs to the store. Written before its first record is. */
  | {
      readonly op: "add";
      readonly fileId: number;
      readonly kind: "log" | "merged";
      readonly salt: Uint8Array;
    }
  /** The file will not change any more, and every byte below `size` is durable. */
  | {
      readonly op: "seal";
      readonly fileId: number;
      readonly size: number;
      readonly minSeq: number;
      readonly maxSeq: number;
      readonly records: number;
    }
  /** The log went on in another file; this one holds no record at or beyond `size`. Says nothing about durability. */
  | { readonly op: "end"; readonly fileId: number; readonly size: number }
  | { readonly op: "remove"; readonly fileId: number }
  /** No file id below this may be given out, whatever files are left. */
  | { readonly op: "nextFileId"; readonly fileId: number }
  /** No sequence number up to this may be given out, whatever records are left. */
  | { readonly op: "lastSeq"; readonly seq: number }
  /** The newest commit metadata, when the file that held it may be gone. */
  | { readonly op: "meta"; readonly seq: number; readonly meta: Uint8Array };

const opCodes = { add: 1, seal: 2, remove: 3, nextFileId: 4, lastSeq: 5, meta: 6, end: 7 } as const;
export const frameHeadBytes = 8;
const maxFrameBytes = 64 * 1024 * 1024;

/** One frame, to be written at `offset`: checksums are seeded like those of records. */
export function encodeFrame(
  operations: readonly ManifestOperation[],
  place: { fileSeed: number; offset: number },
): Buffer {
  const payload = Buffer.concat(operations.map(encodeOperation));
  const frame = Buffer.alloc(frameHeadBytes + payload.length);
  frame.writeUInt32LE(payload.length, 4);
  frame.set(payload, frameHeadBytes);
  frame.writeUInt32LE(checksum(frame, 4, frame.length, recordSeed(place.fileSeed, place.offset)), 0);
  return frame;
}

/** The frame at `offset` of the manifest's bytes, or `undefined` when what is there is not a whole valid frame. */
export function decodeFrame(
  bytes: Buffer,
  place: { fileSeed: number; offset: number },
): { operations: ManifestOperation[]; end: number } | undefined {
  const { offset, fileSeed } = place;
  if (offset + frameHeadBytes > bytes.length) return undefined;
  const length = bytes.readUInt32LE(offset + 4);
  const end = offset + frameHeadBytes + length;
  if (length === 0 || length > maxFrameBytes || end > bytes.length) return undefined;
  if (bytes.readUInt32LE(offset) !== checksum(bytes, offset + 4, end, recordSeed(fileSeed, offset)))
    return undefined;
  return { operations: decodeOperations(bytes.subarray(offset + frameHeadBytes, end)), end };
}

function encodeOperation(operation: ManifestOperation): Buffer {
  const bytes = Buffer.alloc(40);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  bytes[0] = opCodes[operation.op];
  switch (operation.op) {
    case "add":
      view.setUint32(1, operation.fileId, true);
      bytes[5] = operation.kind === "log" ? 1 : 2;
      bytes.set(operation.salt, 6);
      return bytes.subarray(0, 14);
    case "seal":
      view.setUint32(1, operation.fileId, true);
      writeUint48(view, 5, operation.size);
      writeUint48(view, 11, operation.minSeq);
      writeUint48(view, 17, operation.maxSeq);
      view.setUint32(23, operation.records, true);
      return bytes.subarray(0, 27);
    case "remove":
    case "nextFileId":
      view.setUint32(1, operation.fileId, true);
      return bytes.subarray(0, 5);
    case "end":
      view.setUint32(1, operation.fileId, true);
      writeUint48(view, 5, operation.size);
      return bytes.subarray(0, 11);
    case "lastSeq":
      writeUint48(view, 1, operation.seq);
      return bytes.subarray(0, 7);
    case "meta":
      writeUint48(view, 1, operation.seq);
      view.setUint16(7, operation.meta.length, true);
      return Buffer.concat([bytes.subarray(0, 9), operation.meta]);
    default:
      return operation satisfies never;
  }
}

function decodeOperations(payload: Buffer): ManifestOperation[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const operations: ManifestOperation[] = [];
  let at = 0;
  while (at < payload.length) {
    switch (payload[at] ?? 0) {
      case opCodes.add:
        operations.push({
          op: "add",
          fileId: view.getUint32(at + 1, true),
          kind: payload[at + 5] === 1 ? "log" : "merged",
          salt: copyBytes(payload, at + 6, at + 14),
        });
        at += 14;
        break;
      case opCodes.seal:
        operations.push({
          op: "seal",
          fileId: view.getUint32(at + 1, true),
          size: readUint48(view, at + 5),
          minSeq: readUint48(view, at + 11),
          maxSeq: readUint48(view, at + 17),
          records: view.getUint32(at + 23, true),
        });
        at += 27;
        break;
      case opCodes.remove:
        operations.push({ op: "remove", fileId: view.getUint32(at + 1, true) });
        at += 5;
        break;
      case opCodes.nextFileId:
        operations.push({ op: "nextFileId", fileId: view.getUint32(at + 1, true) });
        at += 5;
        break;
      case opCodes.end:
        operations.push({ op: "end", fileId: view.getUint32(at + 1, true), size: readUint48(view, at + 5) });
        at += 11;
        break;
      case opCodes.lastSeq:
        operations.push({ op: "lastSeq", seq: readUint48(view, at + 1) });
        at += 7;
        break;
      case opCodes.meta: {
        const length = view.getUint16(at + 7, true);
        operations.push({
          op: "meta",
          seq: readUint48(view, at + 1),
          meta: copyBytes(payload, at + 9, at + 9 + length),
        });
        at += 9 + length;
        break;
      }
      default:
        throw new BitcaskError(
          "UNSUPPORTED_FORMAT",
          `the manifest holds an operation of unknown kind ${payload[at]}`,
        );
    }
  }
  return operations;
}
