import { checksum } from "./checksum.ts";

/**
 * The record: what the log is made of.
 *
 *     0        4        8                14      16        20   21    22     24
 *     +--------+--------+----------------+-------+---------+----+-----+------+---------+---------+-----+-------+
 *     |bodyCrc |headCrc | seq (48 bits)  |keyLen | valueLen|type|flags|  0   |expires? |version? | key | value |
 *     +--------+--------+----------------+-------+---------+----+-----+------+---------+---------+-----+-------+
 *
 * Two checksums, because one is not enough to survive damage. With a single checksum over everything, a reader that
 * finds it wrong cannot trust the lengths either and so cannot find the next record. `headCrc` covers bytes 8 to 24,
 * so lengths are known to be right or wrong on their own; `bodyCrc` covers everything after itself.
 *
 * Both are seeded with the file's seed and the record's own offset: bytes from another file, from the same disk block's
 * previous life, or written to the wrong place do not validate.
 */
export const recordHeadBytes = 24;

export const recordTypes = { put: 1, del: 2, rangeDel: 3, batchEnd: 4, blobChunk: 5, mark: 6 } as const;
export const lastRecordType = 6;

export const recordFlags = {
  /** A 48-bit expiry time in milliseconds follows the head. */
  expires: 1,
  /** A 64-bit user version follows. */
  version: 2,
  /** Counts only if its batch-end record is there too. */
  inBatch: 4,
  /** The value describes a streamed value whose chunks are records of their own. */
  blob: 8,
} as const;
export const knownRecordFlags = 15;

const at = {
  bodyCrc: 0,
  headCrc: 4,
  seqLow: 8,
  seqHigh: 12,
  keyLength: 14,
  valueLength: 16,
  type: 20,
  flags: 21,
} as const;

export const expiryBytes = 6;
export const versionBytes = 8;
const twoTo32 = 2 ** 32;

/** Seed of the two checksums of the record at `offset`. */
export function recordSeed(fileSeed: number, offset: number): number {
  return (fileSeed ^ offset) >>> 0;
}

/** What goes into a record's head. Optional fields are present when their flag is set. */
export interface RecordHead {
  readonly seq: number;
  readonly type: number;
  readonly flags: number;
  readonly keyLength: number;
  readonly valueLength: number;
  readonly expiresAtMs: number;
  readonly version: number;
}

/** Bytes in front of the key. */
export function bytesBeforeKey(flags: number): number {
  return (
    recordHeadBytes +
    ((flags & recordFlags.expires) === 0 ? 0 : expiryBytes) +
    ((flags & recordFlags.version) === 0 ? 0 : versionBytes)
  );
}

/** Writes head and optional fields without checksums, which need the final offset; returns where the key starts. */
export function writeRecordHead(view: DataView, start: number, head: RecordHead): number {
  const { seq, flags } = head;
  const seqHigh = Math.floor(seq / twoTo32);
  view.setUint32(start + at.seqLow, seq - seqHigh * twoTo32, true);
  view.setUint16(start + at.seqHigh, seqHigh, true);
  view.setUint16(start + at.keyLength, head.keyLength, true);
  view.setUint32(start + at.valueLength, head.valueLength, true);
  view.setUint8(start + at.type, head.type);
  view.setUint8(start + at.flags, flags);
  view.setUint16(start + recordHeadBytes - 2, 0, true);
  let next = start + recordHeadBytes;
  if ((flags & recordFlags.expires) !== 0) {
    writeUint48(view, next, head.expiresAtMs);
    next += expiryBytes;
  }
  if ((flags & recordFlags.version) !== 0) {
    view.setUint32(next, head.version % twoTo32, true);
    view.setUint32(next + 4, Math.floor(head.version / twoTo32), true);
    next += versionBytes;
  }
  return next;
}

/** Fills in both checksums of a complete record; returns the body's. */
export function sealRecord(
  bytes: Uint8Array,
  view: DataView,
  range: { start: number; end: number; seed: number },
): number {
  const { start, end, seed } = range;
  view.setUint32(start + at.headCrc, checksum(bytes, start + at.seqLow, start + recordHeadBytes, seed), true);
  const bodyCrc = checksum(bytes, start + at.headCrc, end, seed);
  view.setUint32(start + at.bodyCrc, bodyCrc, true);
  return bodyCrc;
}

export function writeUint48(view: DataView, offset: number, value: number): void {
  const high = Math.floor(value / twoTo32);
  view.setUint32(offset, value - high * twoTo32, true);
  view.setUint16(offset + 4, high, true);
}

export function readUint48(view: DataView, offset: number): number {
  return view.getUint16(offset + 4, true) * twoTo32 + view.getUint32(offset, true);
}

/**
 * Whether a buffer holds exactly one whole record as it was written. The path of every `get`, so it makes no object
 * except the one that the native checksum needs.
 */
export function recordIsSound(bytes: Buffer, seed: number): boolean {
  if (bytes.length < recordHeadBytes) return false;
  const valueStart = valueStartOf(bytes);
  if (valueStart + bytes.readUInt32LE(at.valueLength) !== bytes.length) return false;
  return bytes.readUInt32LE(at.bodyCrc) === checksum(bytes, at.headCrc, bytes.length, seed);
}

/** Where the value of the record at the start of a buffer begins. */
export function valueStartOf(bytes: Buffer): number {
  return bytesBeforeKey(bytes[at.flags]!) + bytes.readUInt16LE(at.keyLength);
}

export function flagsOf(bytes: Buffer): number {
  return bytes[at.flags]!;
}

/**
 * A reusable look at one record inside a buffer. Hot loops move one cursor instead of making an object per record.
 * All positions are offsets in the buffer it was attached to.
 */
export class RecordCursor {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  start = 0;
  end = 0;
  seq = 0;
  type = 0;
  flags = 0;
  /** 0 when the record never expires. */
  expiresAtMs = 0;
  keyStart = 0;
  keyEnd = 0;

  attach(bytes: Uint8Array): this {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this;
  }

  /** Decodes the head at `start`. The caller knows that the whole record is in the buffer, or checks {@link end}. */
  moveTo(start: number): void {
    const { view } = this;
    this.start = start;
    this.seq = view.getUint16(start + at.seqHigh, true) * twoTo32 + view.getUint32(start + at.seqLow, true);
    this.type = view.getUint8(start + at.type);
    const flags = view.getUint8(start + at.flags);
    this.flags = flags;
    this.expiresAtMs = 0;
    let next = start + recordHeadBytes;
    if ((flags & (recordFlags.expires | recordFlags.version)) !== 0) {
      if ((flags & recordFlags.expires) !== 0) {
        if (next + expiryBytes <= view.byteLength) this.expiresAtMs = readUint48(view, next);
        next += expiryBytes;
      }
      if ((flags & recordFlags.version) !== 0) next += versionBytes;
    }
    this.keyStart = next;
    this.keyEnd = next + view.getUint16(start + at.keyLength, true);
    this.end = this.keyEnd + view.getUint32(start + at.valueLength, true);
  }

  get size(): number {
    return this.end - this.start;
  }

  /** The user version, or the sequence number when the writer gave none. */
  get version(): number {
    if ((this.flags & recordFlags.version) === 0) return this.seq;
    const offset = this.keyStart - versionBytes;
    return this.view.getUint32(offset + 4, true) * twoTo32 + this.view.getUint32(offset, true);
  }

  get bodyCrc(): number {
    return this.view.getUint32(this.start + at.bodyCrc, true);
  }

  /** A view of the key, valid as long as the buffer is. */
  get key(): Uint8Array {
    return this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  /** A view of the value, valid as long as the buffer is. */
  get value(): Uint8Array {
    return this.bytes.subarray(this.keyEnd, this.end);
  }

  /** Whether the head is whole and its checksum right, so that type and lengths may be believed. */
  headIsValid(seed: number): boolean {
    const { bytes, view, start } = this;
    return (
      this.type >= recordTypes.put &&
      this.type <= lastRecordType &&
      (this.flags & ~knownRecordFlags) === 0 &&
      view.getUint32(start + at.headCrc, true) ===
        checksum(bytes, start + at.seqLow, start + recordHeadBytes, seed)
    );
  }

  /** Whether the whole record, which must be in the buffer, is as it was written. */
  bodyIsValid(seed: number): boolean {
    return this.bodyCrc === checksum(this.bytes, this.start + at.headCrc, this.end, seed);
  }
}
