import { readUint48, recordHeadBytes, recordTypes, writeRecordHead, writeUint48 } from "./record.ts";

/**
 * A mark says, inside the log, how far the log was known to be durable when the mark was written.
 *
 * After power loss the end of the log may be torn, and that is normal: nothing there was acknowledged. The same bad
 * checksum a little further up is the loss of acknowledged data, and cutting there would hide it. The mark in front of
 * a later group tells the two apart, and costs no sync of its own.
 */
export const markBytes: number = recordHeadBytes + 10;

export interface LogPosition {
  readonly fileId: number;
  /** Everything below this offset, and every earlier file of the log. */
  readonly offset: number;
}

/** Writes a mark record, without checksums, at `at`. Its sequence number is the last durable one. */
export function writeMark(view: DataView, at: number, durable: LogPosition & { seq: number }): void {
  const head = {
    type: recordTypes.mark,
    flags: 0,
    keyLength: 0,
    valueLength: 10,
    expiresAtMs: 0,
    version: 0,
    seq: durable.seq,
  };
  const value = writeRecordHead(view, at, head);
  view.setUint32(value, durable.fileId, true);
  writeUint48(view, value + 4, durable.offset);
}

export function decodeMark(value: Uint8Array): LogPosition | undefined {
  if (value.length !== 10) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return { fileId: view.getUint32(0, true), offset: readUint48(view, 4) };
}

/** Order of two places in the log. Files of the log are numbered in the order in which they were written. */
export function isBefore(a: LogPosition, b: LogPosition): boolean {
  return a.fileId < b.fileId || (a.fileId === b.fileId && a.offset < b.offset);
}
