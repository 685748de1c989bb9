import { dataName } from "../format/file-names.ts";
import type { FileHandle } from "../fs/file-system.ts";

/** One data file as the running store knows it. Bytes below {@link DataFile.size} are whole records. */
export class DataFile {
  readonly fileId: number;
  readonly kind: "log" | "merged";
  readonly name: string;
  readonly salt: Uint8Array;
  /** Seed of the checksums of its records. */
  readonly seed: number;
  /** Where the next record goes, or would go. */
  size: number;
  /** Bytes of records that the keydir points at. */
  liveBytes: number = 0;
  records = 0;
  tombstones = 0;
  /** Lowest sequence number of any record in it; Infinity while there is none. */
  minSeq: number = Number.POSITIVE_INFINITY;
  maxSeq = 0;
  /** Bytes of records that expire, and when the last of them does. */
  expiringBytes = 0;
  maxExpiresAtMs = 0;
  /** Every byte is durable, the manifest says so, and nothing is ever appended again. */
  sealed = false;
  /** Merged away. It may still be read by snapshots. */
  retired = false;
  /**
   * Deletions that a merge had to keep in it, because other files may hold what they delete. They count as dead again
   * when one of those files is gone; until then merging this file once more would win nothing.
   */
  keptDeletions: { readonly bytes: number; readonly blockers: readonly DataFile[] } | undefined = undefined;
  /** A merge met a damaged record in it, so merges leave it alone until `repair`. */
  damaged = false;

  /** Open descriptor, if any; managed by the file table. */
  handle: FileHandle | undefined = undefined;
  /** Asynchronous reads in flight on the handle: it may not be closed under them. */
  readsInFlight = 0;
  /** When it was last used, in ticks of the file table. */
  usedAt = 0;

  constructor(init: {
    fileId: number;
    kind: "log" | "merged";
    salt: Uint8Array;
    seed: number;
    size: number;
  }) {
    this.fileId = init.fileId;
    this.kind = init.kind;
    this.name = dataName(init.fileId);
    this.salt = init.salt;
    this.seed = init.seed;
    this.size = init.size;
  }

  /** Bytes a merge would win back. */
  get deadBytes(): number {
    const kept = this.keptDeletions;
    const neededBytes = kept?.blockers.every((file) => !file.retired) ? kept.bytes : 0;
    return Math.max(0, this.size - fileOverheadBytes - this.liveBytes - neededBytes);
  }

  /** Notes that a record with this sequence number is in the file. */
  countRecord(seq: number): void {
    this.records++;
    if (seq < this.minSeq) this.minSeq = seq;
    if (seq > this.maxSeq) this.maxSeq = seq;
  }
}

/** Bytes of a file that are never records. */
const fileOverheadBytes = 64;
