import { BitcaskError } from "../errors.ts";
import { fillBatchEnd } from "../format/batch-end.ts";
import { markBytes, writeMark, type LogPosition } from "../format/mark.ts";
import {
  bytesBeforeKey,
  RecordCursor,
  recordFlags,
  recordSeed,
  recordTypes,
  sealRecord,
  writeRecordHead,
} from "../format/record.ts";
import { maxKeyBytes, writeBufferBytes } from "../limits.ts";
import { PendingKeys } from "./pending-keys.ts";

/** What is common to the records of one append; optional fields count when their flag is set. */
export interface AppendFields {
  type: number;
  flags: number;
  seq: number;
  expiresAtMs: number;
  version: number;
}

/**
 * Records that are written by one call and, if any of them asks for it, made durable by one sync.
 *
 * Records are encoded straight into the group's buffer. All callers of a group get the same promise, so a put costs no
 * object of its own. Checksums are filled in last, because they depend on the file and the offset, which are known only
 * when the group is written.
 */
export class WriteGroup {
  bytes: Buffer;
  view: DataView;
  /** End of the last record. The first bytes are kept free for a mark. */
  length: number = markBytes;
  records = 0;
  lastSeq = 0;
  needsSync = false;
  /** Only records that delete something, which are let through when the disk is full. */
  deletesOnly = true;
  /** Metadata of the last batch in the group that had any. */
  meta: Uint8Array | undefined = undefined;
  hasMeta = false;
  #pendingKeys: PendingKeys | undefined;
  /** Where the group was written, and that its records are in the keydir. */
  written: { readonly start: number; readonly position: LogPosition } | undefined = undefined;
  applied = false;

  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: BitcaskError) => void;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** Where the records start in the buffer; before that there may be a mark. */
  get firstRecordAt(): number {
    return markBytes;
  }

  /** For conditional writes that come while the group is pending; made when first asked for. */
  get pendingKeys(): PendingKeys {
    this.#pendingKeys ??= new PendingKeys();
    return this.#pendingKeys;
  }

  get isEmpty(): boolean {
    return this.records === 0;
  }

  /** Encodes one record at the end; returns its size. On an error the group is as it was. */
  append(fields: AppendFields, key: string | Uint8Array, value: string | Uint8Array): number {
    const start = this.length;
    const keyStart = start + bytesBeforeKey(fields.flags);
    this.#reserve(keyStart + longestEncoding(key) + longestEncoding(value));
    const keyLength = writeText(this.bytes, key, keyStart);
    if (keyLength > maxKeyBytes) {
      throw new BitcaskError("KEY_TOO_LARGE", `the key has ${keyLength} bytes; the limit is ${maxKeyBytes}`);
    }
    const valueLength = writeText(this.bytes, value, keyStart + keyLength);
    writeRecordHead(this.view, start, {
      seq: fields.seq,
      type: fields.type,
      flags: fields.flags,
      keyLength,
      valueLength,
      expiresAtMs: fields.expiresAtMs,
      version: fields.version,
    });
    this.length = keyStart + keyLength + valueLength;
    this.records++;
    this.lastSeq = fields.seq;
    if (fields.type !== recordTypes.del && fields.type !== recordTypes.rangeDel) this.deletesOnly = false;
    return this.length - start;
  }

  /**
   * Completes every record for its place in the file; returns where in the buffer the bytes to write start. With
   * `durable`, the group begins with a mark that says so.
   */
  seal(place: {
    fileSeed: number;
    offset: number;
    durable: (LogPosition & { seq: number }) | undefined;
  }): number {
    const { bytes, view } = this;
    let first = markBytes;
    if (place.durable) {
      first = 0;
      writeMark(view, 0, place.durable);
      sealRecord(bytes, view, { start: 0, end: markBytes, seed: recordSeed(place.fileSeed, place.offset) });
    }
    const shift = place.offset - first;
    let batchStart = -1;
    let batchXor = 0;
    cursor.attach(bytes);
    for (let start = markBytes; start < this.length; start = cursor.end) {
      cursor.moveTo(start);
      if (cursor.type === recordTypes.batchEnd) {
        fillBatchEnd(view, cursor.keyEnd, {
          firstOffset: shift + (batchStart < 0 ? start : batchStart),
          checksumXor: batchXor,
        });
      }
      const crc = sealRecord(bytes, view, {
        start,
        end: cursor.end,
        seed: recordSeed(place.fileSeed, shift + start),
      });
      if ((cursor.flags & recordFlags.inBatch) === 0) {
        batchStart = -1;
        batchXor = 0;
      } else {
        if (batchStart < 0) batchStart = start;
        batchXor ^= crc;
      }
    }
    return first;
  }

  /** Takes back everything after `length`, for a batch that failed half way. */
  truncate(to: { length: number; records: number }): void {
    this.length = to.length;
    this.records = to.records;
  }

  #reserve(end: number): void {
    if (end <= this.bytes.length) return;
    // Not from the pool: a buffer of unusual size is used once.
    const larger = Buffer.allocUnsafeSlow(
      Math.max(end, Math.min(this.bytes.length * 2, this.bytes.length + writeBufferBytes * 16)),
    );
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
    this.view = new DataView(larger.buffer, larger.byteOffset, larger.byteLength);
  }
}

/** Sealing is synchronous, so one cursor serves all groups. */
const cursor = new RecordCursor();

function longestEncoding(text: string | Uint8Array): number {
  return typeof text === "string" ? text.length * 3 : text.length;
}

/** Short ASCII strings are faster written here than through a native call. */
const nativeTextLength = 24;

/** Copies bytes, or encodes a string as UTF-8; returns how many bytes that took. */
export function writeText(target: Buffer, text: string | Uint8Array, at: number): number {
  if (typeof text !== "string") {
    target.set(text, at);
    return text.length;
  }
  if (text.length <= nativeTextLength) {
    let index = 0;
    for (; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) break;
      target[at + index] = code;
    }
    if (index === text.length) return index;
  }
  return target.write(text, at, "utf8");
}
