/** Every number of the format that a reader and a writer must agree on. `WAL.md` describes it byte by byte. */

/** The first eight bytes of a segment: `TITANWAL`. */
export const segmentMagic: Uint8Array = new TextEncoder().encode("TITANWAL");
/** The version this code writes; it reads no other. */
export const formatVersion = 1;
/** A segment's header takes a block of its own, so that rewriting it never touches a batch. */
export const segmentHeaderBytes = 4096;
/** Bytes of the header block that mean something; the rest is zero. */
export const segmentHeaderUsedBytes = 64;
/** Length of the random number that tells one life of a segment's file from the next. */
export const saltBytes = 8;
/** Length of the random number that names a log. */
export const logIdBytes = 16;

/** The first four bytes of a batch, `TBAT`, as a little-endian number. */
export const batchMagic = 0x54414254;
/** Length of a batch's header. */
export const batchHeaderBytes = 48;
/** Batches begin at multiples of this, which is also how a search for one proceeds. */
export const batchAlignment = 8;

/** Length of a record's header. */
export const recordHeaderBytes = 32;
/** Length of what precedes the data of an entry. */
export const entryHeaderBytes = 16;

/** What a record says. The numbers are on disk: never reuse one. */
export const RecordType = {
  /** The group exists from here on, with an empty log. */
  Created: 1,
  /** The group is gone for good. */
  Removed: 2,
  /** Replaces the group's hard state. */
  HardState: 3,
  /** Contiguous entries; those at the first one's index and after it are dropped first. */
  Entries: 4,
  /** A snapshot from the leader: the log begins anew after it. */
  Snapshot: 5,
  /** A snapshot of the replica's own: entries up to an index are dropped. */
  Compact: 6,
  /** All that is known of the group but its entries; written when an old segment is about to go. */
  State: 7,
  /** Like `State`, and all entries are dropped: those that are kept are written again behind it, in the same batch. */
  Restart: 8,
} as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** The largest group id, term and index: they are JavaScript's safe integers. */
export const maxInteger: number = Number.MAX_SAFE_INTEGER;

/** A segment's offsets are kept in 32 bits. */
export const maxSegmentBytes: number = 2 ** 32 - 1;

/** The name of a segment's file. */
export function segmentFileName(sequence: number): string {
  return `${String(sequence).padStart(10, "0")}.wal`;
}

/** The sequence number in the name of a segment's file; undefined for any other name. */
export function segmentSequenceOf(fileName: string): number | undefined {
  const match = /^(\d{10,16})\.wal$/.exec(fileName);
  if (match === null) return undefined;
  const sequence = Number(match[1]);
  return Number.isSafeInteger(sequence) && segmentFileName(sequence) === fileName ? sequence : undefined;
}
