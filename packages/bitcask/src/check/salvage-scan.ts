import { fileHeaderBytes } from "../format/file-header.ts";
import { RecordCursor, recordHeadBytes, recordSeed, recordTypes } from "../format/record.ts";
import { readFullyAsync, type FileHandle } from "../fs/file-system.ts";

/** A stretch of a file in which no whole record could be found. */
export interface DamagedRange {
  readonly offset: number;
  readonly length: number;
  /** All zeros: more likely never written than damaged. */
  readonly isZero: boolean;
}

/** Bytes read at a time. Longer records are read on their own. */
const chunkBytes = 1024 * 1024;

/**
 * Walks over everything in a file that is still a whole record, whatever lies between.
 *
 * After a damaged body the head says where the next record starts. After a damaged head nothing does, so every following
 * byte is tried; the checksum of the head, bound to file and offset, makes a false hit practically impossible.
 */
export async function salvageScan(
  handle: FileHandle,
  range: { seed: number; to: number },
  visit: (record: RecordCursor, offset: number) => void,
): Promise<DamagedRange[]> {
  const damaged: DamagedRange[] = [];
  const window = new ScanWindow(handle, range.to);
  let damageStart = -1;
  for (let offset = fileHeaderBytes; offset < range.to;) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- reading a file from front to back
    const size = await soundRecordAt(window, offset, range.seed);
    if (size === 0) {
      if (damageStart < 0) damageStart = offset;
      offset++;
      continue;
    }
    if (damageStart >= 0) damaged.push(rangeOf(window, damageStart, offset));
    damageStart = -1;
    visit(window.cursor, offset);
    offset += size;
  }
  if (damageStart >= 0) damaged.push(rangeOf(window, damageStart, range.to));
  return damaged;
}

/** Size of the sound record at `offset`, with the window's cursor on it, or 0. */
async function soundRecordAt(window: ScanWindow, offset: number, fileSeed: number): Promise<number> {
  if (!(await window.load(offset, recordHeadBytes))) return 0;
  const seed = recordSeed(fileSeed, offset);
  if (!window.looksLikeHead(offset)) return 0;
  window.moveTo(offset);
  if (!window.cursor.headIsValid(seed)) return 0;
  const { size } = window.cursor;
  if (!(await window.load(offset, size))) return 0;
  window.moveTo(offset);
  return window.cursor.bodyIsValid(seed) ? size : 0;
}

/** The part of the file that is in memory. */
class ScanWindow {
  readonly cursor: RecordCursor = new RecordCursor();
  readonly #handle: FileHandle;
  readonly #to: number;
  #bytes: Buffer = Buffer.allocUnsafe(chunkBytes);
  #base = 0;
  #filled = 0;
  /** Offsets of bytes that are not zero, kept as the highest one seen. */
  lastNonZero = -1;

  constructor(handle: FileHandle, to: number) {
    this.#handle = handle;
    this.#to = to;
    this.cursor.attach(this.#bytes);
  }

  async load(offset: number, length: number): Promise<boolean> {
    if (offset + length > this.#to) {
      this.#noteNonZero(offset);
      return false;
    }
    if (offset < this.#base || offset + length > this.#base + this.#filled) {
      if (length > this.#bytes.length) {
        this.#bytes = Buffer.allocUnsafe(length);
        this.cursor.attach(this.#bytes);
      }
      const wanted = Math.min(this.#bytes.length, this.#to - offset);
      this.#base = offset;
      this.#filled = await readFullyAsync(this.#handle, this.#bytes, {
        start: 0,
        length: wanted,
        position: offset,
      });
    }
    this.#noteNonZero(offset);
    return offset + length <= this.#base + this.#filled;
  }

  moveTo(offset: number): void {
    this.cursor.moveTo(offset - this.#base);
  }

  /** Two bytes decide nearly always that this is no head, without computing a checksum. */
  looksLikeHead(offset: number): boolean {
    const start = offset - this.#base;
    const type = this.#bytes[start + 20] ?? 0;
    return (
      type >= recordTypes.put &&
      type <= recordTypes.mark &&
      this.#bytes[start + 22] === 0 &&
      this.#bytes[start + 23] === 0
    );
  }

  #noteNonZero(offset: number): void {
    const index = offset - this.#base;
    if (index >= 0 && index < this.#filled && this.#bytes[index] !== 0) this.lastNonZero = offset;
  }
}

function rangeOf(window: ScanWindow, from: number, to: number): DamagedRange {
  return { offset: from, length: to - from, isZero: window.lastNonZero < from };
}
