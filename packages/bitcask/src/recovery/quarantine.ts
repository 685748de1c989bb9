import path from "node:path";
import { quarantineName } from "../format/file-names.ts";
import { readFully, writeFully } from "../fs/file-system.ts";
import { maxQuarantineBytes, maxQuarantineFiles, scanChunkBytes } from "../limits.ts";
import type { DataFile } from "../log/data-file.ts";
import type { FileTable } from "../log/file-table.ts";

/**
 * Keeps a copy of bytes that are about to be cut off, for whoever wants to know what was there. Returns its name, or
 * `undefined` when there was nothing but zeros or no room: a full disk must not keep a store from opening.
 */
export function quarantine(
  table: FileTable,
  file: DataFile,
  range: { from: number; to: number },
): string | undefined {
  const { fs } = table;
  const to = Math.min(range.to, range.from + maxQuarantineBytes);
  const name = `${String(file.fileId).padStart(10, "0")}-${range.from}.bin`;
  try {
    const bytes = readRange(table, file, { from: range.from, to });
    const length = lengthWithoutTrailingZeros(bytes);
    if (length === 0) return undefined;
    const directory = table.pathOf(quarantineName);
    fs.makeDirectory(directory);
    makeRoom(table, directory);
    if (fs.sizeOf(path.join(directory, name)) !== undefined) fs.unlink(path.join(directory, name));
    const copy = fs.create(path.join(directory, name));
    try {
      writeFully(copy, bytes, { start: 0, end: length, position: 0 });
      // The original is cut right after this; until then this copy is the only other one.
      copy.sync();
    } finally {
      copy.close();
    }
    return path.join(quarantineName, name);
  } catch {
    return undefined;
  }
}

function readRange(table: FileTable, file: DataFile, range: { from: number; to: number }): Buffer {
  const bytes = Buffer.alloc(Math.max(0, range.to - range.from));
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(scanChunkBytes, bytes.length - done);
    const read = readFully(table.handleOf(file), bytes, { start: done, length, position: range.from + done });
    if (read === 0) break;
    done += read;
  }
  return bytes.subarray(0, done);
}

function lengthWithoutTrailingZeros(bytes: Buffer): number {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length--;
  return length;
}

function makeRoom(table: FileTable, directory: string): void {
  const names = (table.fs.list(directory) ?? []).toSorted();
  for (const name of names.slice(0, Math.max(0, names.length - maxQuarantineFiles + 1))) {
    table.fs.unlink(path.join(directory, name));
  }
}
