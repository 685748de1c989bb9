import { decodeFileHeader, fileHeaderBytes, seedOf } from "../format/file-header.ts";
import { hintName } from "../format/file-names.ts";
import { decodeHintSummary, HintCursor, readHintBlock, type HintSummary } from "../format/hint-block.ts";
import { readFullyAsync } from "../fs/file-system.ts";
import type { DataFile } from "../log/data-file.ts";
import type { FileTable } from "../log/file-table.ts";

/** A hint that has been read and found to be whole and to belong to its data file. */
export interface CheckedHint {
  readonly bytes: Buffer;
  readonly seed: number;
  readonly summary: HintSummary;
}

export type HintProblem = "missing" | "damaged";

/**
 * Reads a file's hint and checks all of it before anything is taken from it: every block, the summary, and that it was
 * made for this very data file at this size.
 */
export async function readHint(
  table: FileTable,
  file: DataFile,
  expected: { storeId: Uint8Array; dataSize: number },
): Promise<CheckedHint | HintProblem> {
  const bytes = await readHintFile(table, hintName(file.fileId));
  if (!bytes) return "missing";
  try {
    const header = decodeFileHeader(bytes, { file: hintName(file.fileId), readOnly: true });
    const isOurs =
      header.kind === "hint" &&
      header.fileId === file.fileId &&
      Buffer.compare(header.salt, file.salt) === 0 &&
      Buffer.compare(header.storeId, expected.storeId) === 0;
    if (!isOurs) return "damaged";
  } catch {
    return "damaged";
  }
  const seed = seedOf(bytes);
  const summary = await checkBlocks(bytes, seed);
  return summary && summary.dataSize === expected.dataSize ? { bytes, seed, summary } : "damaged";
}

/** Calls `visit` for every entry of a checked hint. */
export function forEachHintEntry(hint: CheckedHint, visit: (entry: HintCursor) => void): void {
  const entries = new HintEntries(hint);
  while (entries.next()) visit(entries.entry);
}

/** Walks over the entries of a checked hint. */
export class HintEntries {
  /** The entry that `next` moved to. */
  readonly entry: HintCursor;
  #blockEnd: number = fileHeaderBytes;
  #left = 0;
  #at = 0;

  constructor(hint: CheckedHint) {
    this.entry = new HintCursor(hint.bytes);
  }

  next(): boolean {
    while (this.#left === 0) {
      const block = readHintBlockHead(this.entry.view, this.#blockEnd);
      if (block.isSummary) return false;
      this.#left = block.entries;
      this.#at = block.payloadStart;
      this.#blockEnd = block.end;
    }
    this.#left--;
    this.#at = this.entry.moveTo(this.#at);
    return true;
  }
}

async function readHintFile(table: FileTable, name: string): Promise<Buffer | undefined> {
  const path = table.pathOf(name);
  const size = table.fs.sizeOf(path);
  if (size === undefined) return undefined;
  try {
    const handle = table.fs.open(path, "read");
    try {
      const bytes = Buffer.allocUnsafeSlow(size);
      return bytes.subarray(0, await readFullyAsync(handle, bytes, { start: 0, length: size, position: 0 }));
    } finally {
      handle.close();
    }
  } catch {
    // Unreadable is as good as damaged: the data file will say.
    return Buffer.alloc(0);
  }
}

/** Bytes checked before the event loop gets a turn: about a tenth of a millisecond. */
const bytesPerTurn = 256 * 1024;

/** The summary, if it is there and it and all blocks before it are sound. */
async function checkBlocks(bytes: Buffer, seed: number): Promise<HintSummary | undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = fileHeaderBytes;
  let turnAt = bytesPerTurn;
  for (;;) {
    const block = readHintBlock(bytes, view, { start, fileSeed: seed });
    if (!block) return undefined;
    if (block.isSummary)
      return block.end === bytes.length ? decodeHintSummary(bytes, view, block.payloadStart) : undefined;
    start = block.end;
    if (start < turnAt) continue;
    turnAt = start + bytesPerTurn;
    // oxlint-disable-next-line eslint/no-await-in-loop -- a merge reads hints beside writers
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A block's head without its checksum, which {@link readHint} has checked. */
function readHintBlockHead(
  view: DataView,
  start: number,
): { entries: number; payloadStart: number; end: number; isSummary: boolean } {
  const payloadStart = start + 12;
  const entries = view.getUint32(start + 8, true);
  return {
    entries,
    payloadStart,
    end: payloadStart + view.getUint32(start + 4, true),
    isSummary: entries === 0xffff_ffff,
  };
}
