import { decodeBatchEnd } from "../format/batch-end.ts";
import { RecordCursor, recordFlags, recordHeadBytes, recordSeed, recordTypes } from "../format/record.ts";
import { readFullyAsync, type FileHandle } from "../fs/file-system.ts";
import { maxBatchBytes, scanChunkBytes } from "../limits.ts";

/** Why a scan stopped. Only `end` means that nothing is left. */
export type ScanStop =
  | "end"
  /** Zeros: written ahead, or never written. */
  | "zeros"
  /** A head whose checksum is wrong: lengths cannot be trusted. */
  | "badHead"
  /** A trustworthy head in front of a damaged body. */
  | "badBody"
  /** The file ends inside a record or a batch. */
  | "cut"
  /** Members of a batch without the matching batch-end record. */
  | "badBatch";

export interface ScanResult {
  readonly stop: ScanStop;
  /** End of the last good record or batch. */
  readonly offset: number;
  /** Where the trouble itself is; lies behind `offset` when it is inside a batch. */
  readonly troubleAt: number;
  /** For `badBody`: where the next record starts. */
  readonly nextAt: number;
}

/**
 * Walks over the records of a data file in order, checking both checksums of each, and hands whole batches over only
 * once their end has been seen. Reads in large chunks; a batch is held in memory until it is complete.
 */
export class RecordScan {
  readonly #handle: FileHandle;
  readonly #seed: number;
  readonly #to: number;
  /** Holds the file's bytes from `#base` on. */
  #bytes: Buffer = Buffer.allocUnsafe(scanChunkBytes);
  #base: number;
  #filled = 0;
  #ended = false;
  readonly #cursor: RecordCursor = new RecordCursor();

  constructor(handle: FileHandle, range: { seed: number; from: number; to: number }) {
    this.#handle = handle;
    this.#seed = range.seed;
    this.#to = range.to;
    this.#base = range.from;
    this.#cursor.attach(this.#bytes);
  }

  /** Calls `visit` for each record, with its offset in the file. The cursor is valid only during the call. */
  async run(visit: (record: RecordCursor, offset: number) => void): Promise<ScanResult> {
    let unitStart = this.#base;
    let at = unitStart;
    let members = 0;
    let xor = 0;
    for (;;) {
      // oxlint-disable-next-line eslint/no-await-in-loop -- reading a file from front to back
      const stop = await this.#ready(at, unitStart);
      if (stop === "end" && members > 0) return { stop: "cut", offset: unitStart, troubleAt: at, nextAt: at };
      if (stop) return { stop, offset: unitStart, troubleAt: at, nextAt: this.#cursor.end + this.#base };
      const record = this.#cursor;
      const next = this.#base + record.end;
      if ((record.flags & recordFlags.inBatch) !== 0) {
        members++;
        xor ^= record.bodyCrc;
        at = next;
        continue;
      }
      if (record.type === recordTypes.batchEnd) {
        const end = decodeBatchEnd(record.value);
        if (
          !end ||
          end.operations !== members ||
          (members > 0 && (end.firstOffset !== unitStart || end.checksumXor !== xor >>> 0))
        ) {
          return { stop: "badBatch", offset: unitStart, troubleAt: at, nextAt: next };
        }
      } else if (members > 0) return { stop: "badBatch", offset: unitStart, troubleAt: at, nextAt: next };
      this.#deliver(unitStart, next, visit);
      members = 0;
      xor = 0;
      unitStart = next;
      at = next;
    }
  }

  #deliver(from: number, to: number, visit: (record: RecordCursor, offset: number) => void): void {
    for (let offset = from; offset < to; offset = this.#base + this.#cursor.end) {
      this.#cursor.moveTo(offset - this.#base);
      visit(this.#cursor, offset);
    }
  }

  /** Moves the cursor to a whole, checked record at `offset`, keeping everything from `keepFrom` in the buffer. */
  async #ready(offset: number, keepFrom: number): Promise<ScanStop | undefined> {
    if (this.#available(offset) < recordHeadBytes) {
      await this.#fill(keepFrom, offset + recordHeadBytes);
      const left = this.#available(offset);
      if (left === 0) return "end";
      if (left < recordHeadBytes) return this.#isZero(offset, left) ? "zeros" : "cut";
    }
    const seed = recordSeed(this.#seed, offset);
    this.#cursor.moveTo(offset - this.#base);
    if (!this.#cursor.headIsValid(seed)) return this.#isZero(offset, recordHeadBytes) ? "zeros" : "badHead";
    const { size } = this.#cursor;
    if (this.#available(offset) < size) {
      if (offset + size > this.#to) return "cut";
      await this.#fill(keepFrom, offset + size);
      if (this.#available(offset) < size) return "cut";
      this.#cursor.moveTo(offset - this.#base);
    }
    return this.#cursor.bodyIsValid(seed) ? undefined : "badBody";
  }

  #available(offset: number): number {
    return this.#base + this.#filled - offset;
  }

  #isZero(offset: number, length: number): boolean {
    const start = offset - this.#base;
    for (let index = start; index < start + length; index++) if (this.#bytes[index] !== 0) return false;
    return true;
  }

  /** Reads on until `until` is in the buffer, or the file ends. */
  async #fill(keepFrom: number, until: number): Promise<void> {
    if (this.#ended) return;
    const kept = this.#base + this.#filled - keepFrom;
    const wanted = Math.min(Math.max(until - keepFrom, kept + scanChunkBytes / 2), maxBatchBytes * 2);
    const target =
      wanted > this.#bytes.length
        ? Buffer.allocUnsafe(Math.max(wanted, this.#bytes.length * 2))
        : this.#bytes;
    this.#bytes.copy(target, 0, keepFrom - this.#base, this.#filled);
    if (target !== this.#bytes) {
      this.#bytes = target;
      this.#cursor.attach(target);
    }
    this.#base = keepFrom;
    this.#filled = kept;
    const length = Math.min(this.#bytes.length - kept, this.#to - keepFrom - kept);
    const read = await readFullyAsync(this.#handle, this.#bytes, {
      start: kept,
      length,
      position: keepFrom + kept,
    });
    this.#filled += read;
    if (read < length || keepFrom + this.#filled >= this.#to) this.#ended = true;
  }
}
