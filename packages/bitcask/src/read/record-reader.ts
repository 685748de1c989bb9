import { BitcaskError, wrapSystemError } from "../errors.ts";
import type { EventHub } from "../events.ts";
import { RecordCursor, recordIsSound, recordSeed } from "../format/record.ts";
import { readFully, readFullyAsync } from "../fs/file-system.ts";
import type { ReadKey } from "../keydir/keydir.ts";
import type { RecordPlace } from "../keydir/record-place.ts";
import type { DataFile } from "../log/data-file.ts";
import type { FileTable } from "../log/file-table.ts";

/** Where a record is, without what else the keydir knows. */
export type RecordLocation = Pick<RecordPlace, "fileId" | "offset" | "size">;

/** Whoever knows which key is being read. */
export interface KeySource {
  copy(): Uint8Array;
}

/** Enough of a record for most keys; longer ones take a second read. */
const keyReadBytes = 512;

/**
 * Reads single records. Every record is checked before anything of it is returned: the checksum that covers it, which
 * is bound to its file and offset, and that its lengths add up to the size the keydir expects.
 */
export class RecordReader {
  readonly #table: FileTable;
  readonly #events: EventHub;

  constructor(table: FileTable, events: EventHub) {
    this.#table = table;
    this.#events = events;
  }

  /** One read call. The buffer is the caller's to keep. `key` only serves the error message, so it is asked for last. */
  readSync(fileId: number, offset: number, size: number, key?: KeySource): Buffer {
    const file = this.#table.require(fileId);
    const bytes = Buffer.allocUnsafe(size);
    let read: number;
    try {
      const handle = this.#table.handleOf(file);
      read = handle.read(bytes, 0, size, offset);
      if (read < size && read > 0) {
        read += readFully(handle, bytes, { start: read, length: size - read, position: offset + read });
      }
    } catch (error) {
      throw readError(error, { file, offset, key });
    }
    if (read !== size || !recordIsSound(bytes, recordSeed(file.seed, offset)))
      throw this.#damage({ file, offset, key });
    return bytes;
  }

  /** The same without blocking while the disk is busy. */
  async read(location: RecordLocation, key?: KeySource): Promise<Buffer> {
    const { fileId, offset, size } = location;
    const file = this.#table.require(fileId);
    const bytes = Buffer.allocUnsafe(size);
    let read: number;
    const handle = this.#table.handleOf(file);
    // Keeps the descriptor from being closed, and given to another file, under the read.
    file.readsInFlight++;
    try {
      read = await readFullyAsync(handle, bytes, { start: 0, length: size, position: offset });
    } catch (error) {
      throw readError(error, { file, offset, key });
    } finally {
      this.#table.readDone(file);
    }
    if (read !== size || !recordIsSound(bytes, recordSeed(file.seed, offset)))
      throw this.#damage({ file, offset, key });
    return bytes;
  }

  /**
   * The key bytes of a record as they are on disk, for a keydir that keeps only fingerprints. Damage is not an error
   * here: a damaged key simply is a different key, which is what lets a new put of the real one heal it.
   */
  readonly readKey: ReadKey = (fileId, offset, size) => {
    const file = this.#table.require(fileId);
    try {
      const handle = this.#table.handleOf(file);
      let bytes = Buffer.allocUnsafe(Math.min(size, keyReadBytes));
      readFully(handle, bytes, { start: 0, length: bytes.length, position: offset });
      keyCursor.attach(bytes).moveTo(0);
      const { keyEnd } = keyCursor;
      if (keyEnd > bytes.length && keyEnd <= size) {
        bytes = Buffer.allocUnsafe(keyEnd);
        readFully(handle, bytes, { start: 0, length: keyEnd, position: offset });
        keyCursor.attach(bytes).moveTo(0);
      }
      return bytes.subarray(keyCursor.keyStart, keyEnd);
    } catch (error) {
      throw readError(error, { file, offset, key: undefined });
    }
  };

  #damage(from: { file: DataFile; offset: number; key: KeySource | undefined }): BitcaskError {
    const { file, offset } = from;
    const key = from.key?.copy();
    const error = new BitcaskError(
      "CORRUPT",
      `the record at byte ${offset} of ${file.name} fails its checksum${key ? ` (key ${describeKey(key)})` : ""}. ` +
        "Writing the key again heals it; `bitcask verify` lists all damage.",
      { file: file.name, offset, ...(key && { key }) },
    );
    this.#events.emit({ type: "corruption", error });
    return error;
  }
}

const keyCursor = new RecordCursor();

/** A key as people can read it: text if it is text, else hexadecimal; shortened. */
export function describeKey(key: Uint8Array): string {
  const buffer = Buffer.from(key.buffer, key.byteOffset, key.length);
  const text = buffer.toString("utf8");
  const isPrintable = /^[\x20-\x7e]*$/.test(text);
  const shown = isPrintable ? JSON.stringify(text) : `0x${buffer.toString("hex")}`;
  return shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
}

function readError(
  error: unknown,
  from: { file: DataFile; offset: number; key: KeySource | undefined },
): BitcaskError {
  const { file, offset } = from;
  const key = from.key?.copy();
  return wrapSystemError(error, `reading byte ${offset} of ${file.name}`, {
    file: file.name,
    offset,
    ...(key && { key }),
  });
}
