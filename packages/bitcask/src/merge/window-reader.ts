import { BitcaskError } from "../errors.ts";
import { RecordCursor, recordHeadBytes, recordSeed } from "../format/record.ts";
import { readFullyAsync } from "../fs/file-system.ts";
import type { DataFile } from "../log/data-file.ts";
import type { FileTable } from "../log/file-table.ts";

/** Small enough that copying what is in it does not keep the event loop for long. */
const windowBytes = 256 * 1024;

/**
 * Reads records of one file at rising offsets: a window at a time, so that neighbours cost one read together and long
 * dead stretches are skipped.
 */
export class WindowReader {
  readonly #table: FileTable;
  readonly #file: DataFile;
  readonly #cursor: RecordCursor = new RecordCursor();
  #bytes: Buffer = Buffer.allocUnsafe(windowBytes);
  #base = 0;
  #filled = 0;
  bytesRead = 0;

  constructor(table: FileTable, file: DataFile) {
    this.#table = table;
    this.#file = file;
    this.#cursor.attach(this.#bytes);
  }

  /** Whether the record can be had without reading. */
  holds(offset: number, size: number): boolean {
    return offset >= this.#base && offset + size <= this.#base + this.#filled;
  }

  async moveTo(offset: number, size: number): Promise<void> {
    if (size > this.#bytes.length) {
      this.#bytes = Buffer.allocUnsafe(size);
      this.#cursor.attach(this.#bytes);
    }
    const length = Math.min(this.#bytes.length, this.#file.size - offset);
    const handle = this.#table.handleOf(this.#file);
    this.#file.readsInFlight++;
    try {
      this.#filled = await readFullyAsync(handle, this.#bytes, { start: 0, length, position: offset });
    } finally {
      this.#table.readDone(this.#file);
    }
    this.#base = offset;
    this.bytesRead += this.#filled;
  }

  /** The checked record, valid until the next call. A merge that copied a damaged one would make it look sound. */
  record(offset: number, size: number): RecordCursor {
    const cursor = this.#cursor;
    const seed = recordSeed(this.#file.seed, offset);
    if (this.holds(offset, size) && size >= recordHeadBytes) {
      cursor.moveTo(offset - this.#base);
      if (cursor.size === size && cursor.headIsValid(seed) && cursor.bodyIsValid(seed)) return cursor;
    }
    const file = this.#file.name;
    throw new BitcaskError(
      "CORRUPT",
      `a merge found the record at byte ${offset} of ${file} damaged and leaves that file as it is. ` +
        "`bitcask verify` lists all damage, `bitcask repair` gives up what cannot be read.",
      { file, offset },
    );
  }
}
