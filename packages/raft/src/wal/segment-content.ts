import { type BatchHeader, batchIsIntact, readBatchHeader } from "./batch-header.ts";
import { batchAlignment, batchHeaderBytes, batchMagic, segmentHeaderBytes } from "./format.ts";
import { decodeRecord } from "./record-decoder.ts";
import type { LogRecord } from "./record.ts";
import type { SegmentHeader } from "./segment-header.ts";

const batchMagicBytes = Buffer.alloc(4);
batchMagicBytes.writeUInt32LE(batchMagic);

/** What the next batch must say of itself. Unknown at the beginning of the oldest segment. */
export interface Expected {
  readonly sequence: number;
  readonly previousChecksum: number;
}

/** What lies at a place where a batch could be. */
export type BatchPlace =
  /** The batch that belongs here. */
  | { readonly kind: "batch"; readonly header: BatchHeader; readonly next: number }
  /** The header of the batch that belongs here, before a body that does not match it. */
  | { readonly kind: "brokenBody"; readonly header: BatchHeader; readonly next: number }
  /** An intact header of a batch that does not belong here. */
  | { readonly kind: "wrongBatch"; readonly header: BatchHeader }
  /** Nothing that looks like a batch of this segment's present life. */
  | { readonly kind: "nothing" };

/** The bytes of a segment, searched for batches. */
export class SegmentContent {
  readonly bytes: Uint8Array;
  readonly #buffer: Buffer;
  readonly #salt: Uint8Array;

  constructor(bytes: Uint8Array, header: SegmentHeader) {
    this.bytes = bytes;
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#salt = header.salt;
  }

  /** What lies at `at`. */
  place(at: number, expected: Expected | undefined): BatchPlace {
    const header = readBatchHeader(this.bytes, at, this.#salt);
    if (header === undefined) return { kind: "nothing" };
    if (
      expected !== undefined &&
      (header.sequence !== expected.sequence || header.previousChecksum !== expected.previousChecksum)
    ) {
      return { kind: "wrongBatch", header };
    }
    const next = at + batchHeaderBytes + header.bodyBytes;
    return { kind: batchIsIntact(this.bytes, at, header) ? "batch" : "brokenBody", header, next };
  }

  /** The first batch header at or after `at` whose number is at least `sequence`. */
  findFrom(at: number, sequence: number): { readonly at: number; readonly header: BatchHeader } | undefined {
    for (
      let place = this.#nextMagic(at);
      place !== undefined;
      place = this.#nextMagic(place + batchAlignment)
    ) {
      const header = readBatchHeader(this.bytes, place, this.#salt);
      if (header !== undefined && header.sequence >= sequence) return { at: place, header };
    }
    return undefined;
  }

  #nextMagic(at: number): number | undefined {
    // Almost always there is nothing but zeros to search, so the search itself has to be native.
    for (let place = this.#buffer.indexOf(batchMagicBytes, at); place >= 0;) {
      if (place % batchAlignment === 0) return place;
      place = this.#buffer.indexOf(batchMagicBytes, place + 1);
    }
    return undefined;
  }

  /** The newest intact batch of the unbroken chain that begins at the segment's start. */
  newestBatch(): BatchHeader | undefined {
    let newest: BatchHeader | undefined;
    let expected: Expected | undefined;
    for (let at = segmentHeaderBytes; ;) {
      const place = this.place(at, expected);
      if (place.kind !== "batch") return newest;
      newest = place.header;
      expected = following(place.header);
      at = place.next;
    }
  }

  /**
   * Hands the records of the batch at `at` to `visit`, in order. Damaged ones are skipped: returns the groups they
   * belong to with what is wrong, or undefined in `groups` when not even that can be told.
   */
  records(at: number, header: BatchHeader, visit: (record: LogRecord) => string | undefined): RecordDamage[] {
    const damage: RecordDamage[] = [];
    const end = Math.min(this.bytes.length, at + batchHeaderBytes + header.bodyBytes);
    let position = at + batchHeaderBytes;
    for (let count = 0; count < header.records; count++) {
      const decoded = decodeRecord(this.bytes, position, end);
      if (decoded.ok) {
        const problem = visit(decoded.record);
        if (problem !== undefined) damage.push({ group: decoded.record.group, problem });
        position = decoded.next;
        continue;
      }
      damage.push({ group: decoded.group, problem: decoded.problem });
      if (decoded.next === undefined) break;
      position = decoded.next;
    }
    return damage;
  }
}

/** A record that could not be taken over. */
export interface RecordDamage {
  /** Whose it is; undefined when that cannot be told. */
  readonly group: number | undefined;
  readonly problem: string;
}

/** What the batch after this one must say of itself. */
export function following(header: BatchHeader): Expected {
  return { sequence: header.sequence + 1, previousChecksum: header.checksum };
}
