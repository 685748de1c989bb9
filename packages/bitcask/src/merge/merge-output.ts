import { BitcaskError } from "../errors.ts";
import { encodeFileHeader, seedOf } from "../format/file-header.ts";
import { dataName, hintName } from "../format/file-names.ts";
import type { ManifestOperation } from "../format/manifest-edit.ts";
import {
  RecordCursor,
  recordFlags,
  recordSeed,
  recordTypes,
  sealRecord,
  writeRecordHead,
} from "../format/record.ts";
import { writeFully } from "../fs/file-system.ts";
import { DataFile } from "../log/data-file.ts";
import { HintWriter, newSalt } from "../log/hint-writer.ts";
import { noteInHint } from "../log/log-file.ts";
import type { FileTable } from "../log/file-table.ts";

const bufferBytes = 256 * 1024;

/**
 * Output is made durable in steps of this size. Left to the end, it would be one sync of a whole file, and the syncs that
 * writers wait for would queue behind it in the disk.
 */
const syncStepBytes = 256 * 1024;

/** A record to be written again: where it is in some buffer. */
export type CopiedRecord = Pick<RecordCursor, "bytes" | "start" | "end" | "type">;

/** What writing new files needs to know of a store; a repair has no running store. */
export interface OutputTarget {
  readonly table: FileTable;
  readonly storeId: Uint8Array;
  readonly maxFileBytes: number;
  readonly allocateFileId: () => number;
}

/** Writes the files a merge produces. Until the manifest lists them they do not exist for anybody. */
export class MergeOutput {
  readonly #target: OutputTarget;
  readonly files: DataFile[] = [];
  bytesWritten = 0;
  #file: DataFile | undefined;
  #hint: HintWriter | undefined;
  #buffer: Buffer = Buffer.allocUnsafe(bufferBytes);
  #view: DataView = viewOf(this.#buffer);
  #buffered = 0;
  #unsyncedBytes = 0;
  readonly #cursor: RecordCursor = new RecordCursor();

  constructor(target: OutputTarget) {
    this.#target = target;
  }

  /** Bytes not yet handed to the system. */
  get buffered(): number {
    return this.#buffered;
  }

  /** Appends a record as it was, with its sequence number, sealed for its new place. */
  append(record: CopiedRecord): void {
    const size = record.end - record.start;
    const file = this.#fileWithRoomFor(size);
    this.#reserve(size);
    const start = this.#buffered;
    this.#buffer.set(record.bytes.subarray(record.start, record.end), start);
    this.#cursor.attach(this.#buffer).moveTo(start);
    // Its batch is complete, or it would not be here; from now on the record stands for itself.
    this.#view.setUint8(start + 21, this.#cursor.flags & ~recordFlags.inBatch);
    this.#sealAndCount(file, start, start + size);
  }

  /** Appends a deletion in the place of a record that has expired. */
  appendDeletion(of: { seq: number; key: Uint8Array }): number {
    const size = 24 + of.key.length;
    const file = this.#fileWithRoomFor(size);
    this.#reserve(size);
    const start = this.#buffered;
    const head = {
      seq: of.seq,
      type: recordTypes.del,
      flags: 0,
      keyLength: of.key.length,
      valueLength: 0,
      expiresAtMs: 0,
      version: 0,
    };
    this.#buffer.set(of.key, writeRecordHead(this.#view, start, head));
    this.#sealAndCount(file, start, start + size);
    return size;
  }

  /** Hands what is buffered to the system. */
  flush(): void {
    if (!this.#file || this.#buffered === 0) return;
    const { size } = this.#file;
    const position = size - this.#buffered;
    writeFully(this.#target.table.handleOf(this.#file), this.#buffer, {
      start: 0,
      end: this.#buffered,
      position,
    });
    this.bytesWritten += this.#buffered;
    this.#unsyncedBytes += this.#buffered;
    this.#buffered = 0;
  }

  /** The same, and waits until the disk has caught up. */
  async settle(): Promise<void> {
    this.flush();
    if (!this.#file || this.#unsyncedBytes < syncStepBytes) return;
    this.#unsyncedBytes = 0;
    await this.#target.table.handleOf(this.#file).syncAsync();
  }

  /** Makes all files complete and durable; returns what the manifest has to say about them. */
  async finish(): Promise<ManifestOperation[]> {
    await this.#finishFile();
    // Their names must be durable before the manifest may list them.
    if (this.files.length > 0) this.#target.table.fs.syncDirectory(this.#target.table.directory);
    return this.files.flatMap(({ fileId, salt, size, minSeq, maxSeq, records }) => [
      { op: "add", fileId, kind: "merged", salt },
      { op: "seal", fileId, size, minSeq, maxSeq, records },
    ]);
  }

  /** Removes everything written so far. */
  discard(): void {
    this.#hint?.abandon();
    const { table } = this.#target;
    for (const file of this.files) {
      table.drop(file);
      table.removeNames(file.name, hintName(file.fileId));
    }
  }

  #sealAndCount(file: DataFile, start: number, end: number): void {
    const offset = file.size;
    sealRecord(this.#buffer, this.#view, { start, end, seed: recordSeed(file.seed, offset) });
    this.#cursor.attach(this.#buffer).moveTo(start);
    file.countRecord(this.#cursor.seq);
    if (this.#cursor.type === recordTypes.del || this.#cursor.type === recordTypes.rangeDel)
      file.tombstones++;
    noteInHint(this.#hint!, this.#cursor, offset);
    file.size += end - start;
    this.#buffered = end;
  }

  #reserve(size: number): void {
    if (this.#buffered + size <= this.#buffer.length) return;
    this.flush();
    if (size <= this.#buffer.length) return;
    this.#buffer = Buffer.allocUnsafeSlow(size);
    this.#view = viewOf(this.#buffer);
  }

  #fileWithRoomFor(size: number): DataFile {
    const { maxFileBytes } = this.#target;
    if (this.#file && (this.#file.size + size <= maxFileBytes || this.#file.records === 0)) return this.#file;
    if (this.#file) throw new BitcaskError("BUSY", "a full merge output must be finished first");
    return this.#createFile();
  }

  /** Whether the next record needs a new file; then call {@link startNext} first. */
  isFullFor(size: number): boolean {
    return (
      this.#file !== undefined && this.#file.records > 0 && this.#file.size + size > this.#target.maxFileBytes
    );
  }

  async startNext(): Promise<void> {
    await this.#finishFile();
  }

  #createFile(): DataFile {
    const { table, storeId, allocateFileId } = this.#target;
    const fileId = allocateFileId();
    const salt = newSalt();
    const header = encodeFileHeader({
      kind: "merged",
      storeId,
      fileId,
      salt,
      createdAtMs: Date.now(),
    });
    const file = new DataFile({ fileId, kind: "merged", salt, seed: seedOf(header), size: header.length });
    file.handle = table.fs.create(table.pathOf(dataName(fileId)));
    this.files.push(file);
    table.add(file);
    writeFully(file.handle, header, { start: 0, end: header.length, position: 0 });
    this.#file = file;
    this.#hint = new HintWriter(table, file, storeId);
    return file;
  }

  async #finishFile(): Promise<void> {
    const file = this.#file;
    if (!file) return;
    this.flush();
    // The inputs will be removed on the strength of this.
    await this.#target.table.handleOf(file).syncAsync();
    this.#unsyncedBytes = 0;
    await this.#hint!.finish();
    this.#file = undefined;
    this.#hint = undefined;
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
