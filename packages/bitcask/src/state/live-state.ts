import { decodeBatchEnd } from "../format/batch-end.ts";
import { decodeKeyBounds, isWithin, type KeyBounds } from "../format/range-delete.ts";
import { recordFlags, recordTypes, type RecordCursor } from "../format/record.ts";
import type { Keydir } from "../keydir/keydir.ts";
import type { RecordPlace } from "../keydir/record-place.ts";
import type { DataFile } from "../log/data-file.ts";
import type { FileTable } from "../log/file-table.ts";
import { BlobTable, decodeBlobDescriptor, type Blob } from "./blob-table.ts";
import { Retirement } from "./retirement.ts";

/** A range delete that is still needed: some file may hold an older record of a key in its range. */
export interface RangeDelete {
  readonly seq: number;
  readonly bounds: KeyBounds;
  fileId: number;
  offset: number;
  readonly size: number;
}

/** Commit metadata with the sequence number of the batch that carried it. */
export interface CommitMeta {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

/** A place that is filled in again for every record, so that applying one makes no object. */
class MutablePlace implements RecordPlace {
  fileId = 0;
  offset = 0;
  size = 0;
  seq = 0;
  expiresAtMs = 0;
}

/**
 * What the records of the log add up to: the keydir, the streamed values, the range deletes and the commit metadata,
 * together with how many bytes of each file are still alive.
 */
export class LiveState {
  readonly keydir: Keydir;
  readonly table: FileTable;
  readonly blobs: BlobTable = new BlobTable();
  readonly retirement: Retirement = new Retirement();
  readonly rangeDeletes: RangeDelete[] = [];
  meta: CommitMeta | undefined = undefined;
  readonly #place: MutablePlace = new MutablePlace();

  constructor(keydir: Keydir, table: FileTable) {
    this.keydir = keydir;
    this.table = table;
  }

  /** Takes in the newest record of the log, which is at `offset` of `file`. Sequence numbers only grow here. */
  apply(record: RecordCursor, file: DataFile, offset: number): void {
    file.countRecord(record.seq);
    switch (record.type) {
      case recordTypes.put:
        this.#applyPut(record, file, offset);
        break;
      case recordTypes.del:
        file.tombstones++;
        if (this.keydir.remove(record.bytes, undefined, record.keyStart, record.keyEnd))
          this.release(this.keydir.replaced);
        break;
      case recordTypes.rangeDel:
        this.#applyRangeDelete(record, file, offset);
        break;
      case recordTypes.batchEnd: {
        const meta = decodeBatchEnd(record.value)?.meta;
        if (meta) this.noteMeta({ seq: record.seq, bytes: meta });
        break;
      }
      case recordTypes.blobChunk:
        this.addChunk(record, file, offset);
        break;
      default:
        // Marks are for recovery only.
        break;
    }
  }

  noteMeta(meta: CommitMeta): void {
    if (!this.meta || meta.seq >= this.meta.seq) this.meta = meta;
  }

  addChunk(record: RecordCursor, file: DataFile, offset: number): void {
    const { size, seq } = record;
    const former = this.blobs.addChunk(record.key, { fileId: file.fileId, offset, size, seq });
    file.liveBytes += size;
    if (former) this.#subtract(former.fileId, former.size);
  }

  /** Counts the record at that place as dead, and the chunks it owns. */
  release(place: RecordPlace): void {
    this.#subtract(place.fileId, place.size);
    if (this.blobs.size === 0) return;
    const blob = this.blobs.ofOwner(place.seq);
    if (blob) this.releaseBlob(blob);
  }

  releaseBlob(blob: Blob): void {
    this.blobs.orphan(blob);
    for (const chunk of blob.chunks.values()) this.#subtract(chunk.fileId, chunk.size);
    this.retirement.whenUnseen(() => this.blobs.delete(blob));
  }

  /** Removes every key in the bounds whose record is older than `seq`. */
  removeRange(bounds: KeyBounds, seq: number): void {
    const { keydir } = this;
    const keys: Uint8Array[] = [];
    if (keydir.ordered) {
      const cursor = keydir.ordered.scan({
        ...(bounds.gte && { gte: bounds.gte }),
        ...(bounds.lt && { lt: bounds.lt }),
      });
      while (cursor.next()) if (cursor.seq < seq) keys.push(cursor.key());
    } else {
      using snapshot = keydir.snapshot();
      const cursor = snapshot.cursor();
      while (cursor.next()) {
        if (cursor.seq >= seq) continue;
        const key = cursor.key();
        if (isWithin(key, bounds)) keys.push(key);
      }
    }
    for (const key of keys) if (keydir.remove(key)) this.release(keydir.replaced);
  }

  #applyPut(record: RecordCursor, file: DataFile, offset: number): void {
    const place = this.#place;
    const size = record.end - record.start;
    place.fileId = file.fileId;
    place.offset = offset;
    place.size = size;
    place.seq = record.seq;
    place.expiresAtMs = record.expiresAtMs;
    // An owner must be known before its predecessor is released: both may be the same blob only by mistake, never here.
    if ((record.flags & recordFlags.blob) !== 0)
      this.blobs.setOwner(decodeBlobDescriptor(record.value), record.seq);
    file.liveBytes += size;
    if (record.expiresAtMs !== 0) this.countExpiring(file, size, record.expiresAtMs);
    if (this.keydir.set(record.bytes, place, record.keyStart, record.keyEnd))
      this.release(this.keydir.replaced);
  }

  countExpiring(file: DataFile, size: number, expiresAtMs: number): void {
    file.expiringBytes += size;
    if (expiresAtMs > file.maxExpiresAtMs) file.maxExpiresAtMs = expiresAtMs;
  }

  #applyRangeDelete(record: RecordCursor, file: DataFile, offset: number): void {
    const bounds = decodeKeyBounds(record.value);
    if (!bounds) return;
    file.tombstones++;
    this.rangeDeletes.push({ seq: record.seq, bounds, fileId: file.fileId, offset, size: record.size });
    if (bounds.gte || bounds.lt) {
      this.removeRange(bounds, record.seq);
      return;
    }
    // Everything is older than this record, so there is no need to look at any key.
    this.keydir.clear();
    for (const each of this.table.values()) each.liveBytes = 0;
    for (const blob of this.blobs.clearOwned()) this.retirement.whenUnseen(() => this.blobs.delete(blob));
    // Streams that are still being written own no key yet and survive.
    for (const blob of this.blobs.values()) {
      for (const chunk of blob.chunks.values()) this.table.require(chunk.fileId).liveBytes += chunk.size;
    }
  }

  #subtract(fileId: number, bytes: number): void {
    const file = this.table.get(fileId);
    if (file) file.liveBytes -= bytes;
  }
}
