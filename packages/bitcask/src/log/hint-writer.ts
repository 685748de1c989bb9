import { randomBytes } from "node:crypto";
import { encodeFileHeader, seedOf } from "../format/file-header.ts";
import { hintName, hintTemporaryName } from "../format/file-names.ts";
import {
  encodeHintSummary,
  hintBlockHeadBytes,
  hintEntryHeadBytes,
  sealHintBlock,
  writeHintEntry,
  type HintSummary,
} from "../format/hint-block.ts";
import { expiryBytes, type RecordCursor } from "../format/record.ts";
import { writeFully, type FileHandle } from "../fs/file-system.ts";
import { hintBlockBytes, maxKeyBytes } from "../limits.ts";
import type { DataFile } from "./data-file.ts";
import type { FileTable } from "./file-table.ts";

/**
 * Writes a file's hint while the file itself is being written, one block at a time, so that sealing a file does not
 * mean reading it again.
 *
 * A hint is a convenience. Whatever goes wrong here (a full disk, an error) abandons the hint, never the data: the next
 * open reads the data file instead.
 */
export class HintWriter {
  readonly #table: FileTable;
  readonly #file: DataFile;
  readonly #storeId: Uint8Array;
  readonly #bytes: Buffer = Buffer.allocUnsafe(
    hintBlockBytes + hintEntryHeadBytes + expiryBytes + maxKeyBytes,
  );
  readonly #view: DataView;
  #handle: FileHandle | undefined;
  #abandoned = false;
  #seed = 0;
  #position = 0;
  #at: number = hintBlockHeadBytes;
  #entries = 0;
  #meta: HintSummary["meta"] = undefined;

  constructor(table: FileTable, file: DataFile, storeId: Uint8Array) {
    this.#table = table;
    this.#file = file;
    this.#storeId = storeId;
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
  }

  /** Notes the record under the cursor, which is at `offset` of the data file. */
  add(record: RecordCursor, offset: number): void {
    if (this.#abandoned) return;
    this.#at = writeHintEntry(
      { bytes: this.#bytes, view: this.#view, at: this.#at },
      {
        seq: record.seq,
        offset,
        size: record.end - record.start,
        type: record.type,
        flags: record.flags,
        expiresAtMs: record.expiresAtMs,
      },
      { bytes: record.bytes, start: record.keyStart, end: record.keyEnd },
    );
    this.#entries++;
    if (this.#at >= hintBlockBytes) this.#writeBlock();
  }

  /** Notes commit metadata, which the summary keeps. */
  addMeta(meta: { seq: number; bytes: Uint8Array }): void {
    if (!this.#meta || meta.seq >= this.#meta.seq) this.#meta = meta;
  }

  /** Completes the hint of a sealed file. Afterwards it is either there, whole and synced, or not there at all. */
  async finish(): Promise<void> {
    if (this.#entries > 0) this.#writeBlock();
    if (!this.#handle) this.#start();
    if (this.#abandoned || !this.#handle) return;
    const { size, records, minSeq, maxSeq, fileId } = this.#file;
    const summary = encodeHintSummary(
      { dataSize: size, records, minSeq, maxSeq, meta: this.#meta },
      { fileSeed: this.#seed, position: this.#position },
    );
    const { fs } = this.#table;
    try {
      writeFully(this.#handle, summary, { start: 0, end: summary.length, position: this.#position });
      // Before the rename, or a crash could leave the final name on an incomplete file. That would only cost time,
      // but a warning about a damaged hint should mean damage.
      await this.#handle.syncAsync();
      this.#handle.close();
      this.#handle = undefined;
      // The directory is not synced for this: if the name is lost, so is only the shortcut.
      fs.rename(this.#table.pathOf(hintTemporaryName(fileId)), this.#table.pathOf(hintName(fileId)));
    } catch {
      this.abandon();
    }
  }

  /** Gives up on this hint and removes what was written of it. */
  abandon(): void {
    this.#abandoned = true;
    if (!this.#handle) return;
    try {
      this.#handle.close();
      this.#table.fs.unlink(this.#table.pathOf(hintTemporaryName(this.#file.fileId)));
    } catch {
      // Left for the next open, which removes temporary files.
    }
    this.#handle = undefined;
  }

  #start(): void {
    const { fileId, salt } = this.#file;
    const temporary = this.#table.pathOf(hintTemporaryName(fileId));
    const header = encodeFileHeader({
      kind: "hint",
      storeId: this.#storeId,
      fileId,
      salt,
      createdAtMs: Date.now(),
    });
    this.#seed = seedOf(header);
    try {
      if (this.#table.fs.sizeOf(temporary) !== undefined) this.#table.fs.unlink(temporary);
      this.#handle = this.#table.fs.create(temporary);
      writeFully(this.#handle, header, { start: 0, end: header.length, position: 0 });
      this.#position = header.length;
    } catch {
      this.abandon();
    }
  }

  #writeBlock(): void {
    if (!this.#handle) this.#start();
    const end = this.#at;
    const entries = this.#entries;
    this.#at = hintBlockHeadBytes;
    this.#entries = 0;
    if (this.#abandoned || !this.#handle) return;
    sealHintBlock(this.#bytes, this.#view, {
      start: 0,
      end,
      entries,
      fileSeed: this.#seed,
      position: this.#position,
    });
    try {
      writeFully(this.#handle, this.#bytes, { start: 0, end, position: this.#position });
      this.#position += end;
    } catch {
      this.abandon();
    }
  }
}

/** A fresh salt for a data file. */
export function newSalt(): Uint8Array {
  return Uint8Array.from(randomBytes(8));
}
