/** Puts the checksums of the storage engine's files right, so that a changed field is believed. */
import { checksum } from "../../packages/bitcask/src/format/checksum.ts";
import { fileHeaderBytes, seedOf } from "../../packages/bitcask/src/format/file-header.ts";
import { hintBlockHeadBytes } from "../../packages/bitcask/src/format/hint-block.ts";
import {
  RecordCursor,
  recordHeadBytes,
  recordSeed,
  sealRecord,
} from "../../packages/bitcask/src/format/record.ts";
import type { FuzzInput } from "../src/fuzz-target.ts";

const headerChecksumAt = 60;

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sealHeader(bytes: Buffer): void {
  bytes.writeUInt32LE(checksum(bytes, 0, headerChecksumAt, 0), headerChecksumAt);
}

/** Seals every record whose length leads to another place inside the file. */
export function sealRecords(bytes: Buffer): void {
  if (bytes.length < fileHeaderBytes) return;
  sealHeader(bytes);
  const fileSeed = seedOf(bytes);
  const view = viewOf(bytes);
  const cursor = new RecordCursor().attach(bytes);
  for (let at = fileHeaderBytes; at + recordHeadBytes <= bytes.length;) {
    cursor.moveTo(at);
    if (cursor.end > bytes.length || cursor.end <= at) return;
    sealRecord(bytes, view, { start: at, end: cursor.end, seed: recordSeed(fileSeed, at) });
    at = cursor.end;
  }
}

/** Blocks and frames have their length at 4 and their checksum at 0. */
function sealLengthPrefixed(bytes: Buffer, headBytes: number): void {
  if (bytes.length < fileHeaderBytes) return;
  sealHeader(bytes);
  const fileSeed = seedOf(bytes);
  for (let at = fileHeaderBytes; at + headBytes <= bytes.length;) {
    const end = at + headBytes + bytes.readUInt32LE(at + 4);
    if (end > bytes.length) return;
    bytes.writeUInt32LE(checksum(bytes, at + 4, end, recordSeed(fileSeed, at)), at);
    at = end;
  }
}

/** All files of a store. */
export function sealStore(input: FuzzInput): FuzzInput {
  return input.map(({ name, bytes }) => {
    const sealed = Buffer.from(bytes);
    if (name.endsWith(".data")) sealRecords(sealed);
    else if (name.endsWith(".hint")) sealLengthPrefixed(sealed, hintBlockHeadBytes);
    else if (name.startsWith("MANIFEST")) sealLengthPrefixed(sealed, 8);
    return { name, bytes: sealed };
  });
}
