import { decodeKeyBounds, isWithin } from "../format/range-delete.ts";
import { recordFlags, recordTypes } from "../format/record.ts";
import type { Keydir } from "../keydir/keydir.ts";
import type { DataFile } from "../log/data-file.ts";
import { decodeBlobDescriptor, decodeChunkKey } from "./blob-table.ts";
import type { LiveState } from "./live-state.ts";

/** A record as a hint or a scan knows it. Both cursors have these fields. */
export interface LoadedRecord {
  readonly bytes: Uint8Array;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly seq: number;
  readonly type: number;
  readonly flags: number;
  readonly size: number;
  readonly expiresAtMs: number;
}

/**
 * Builds the live state from files in any order. The highest sequence number of a key wins, whatever file it is in.
 *
 * A deletion must therefore be remembered while older puts may still turn up in files not yet read. Those deletions are
 * kept in a second keydir, which is thrown away at the end; files whose successors are all newer need none.
 */
export class StateLoader {
  readonly #state: LiveState;
  readonly #newTombstones: () => Keydir;
  readonly #readValue: (file: DataFile, offset: number, size: number) => Uint8Array;
  #tombstones: Keydir | undefined;
  lastSeq = 0;

  constructor(
    state: LiveState,
    init: {
      newTombstones: () => Keydir;
      readValue: (file: DataFile, offset: number, size: number) => Uint8Array;
    },
  ) {
    this.#state = state;
    this.#newTombstones = init.newTombstones;
    this.#readValue = init.readValue;
  }

  /** `olderMayFollow`: some file that is yet to be loaded may hold records older than this one. */
  load(record: LoadedRecord, file: DataFile, at: { offset: number; olderMayFollow: boolean }): void {
    if (record.seq > this.lastSeq) this.lastSeq = record.seq;
    switch (record.type) {
      case recordTypes.put:
        this.#loadPut(record, file, at.offset);
        break;
      case recordTypes.del:
        file.tombstones++;
        this.#loadDelete(record, file, at);
        break;
      case recordTypes.rangeDel: {
        const bounds = decodeKeyBounds(this.#readValue(file, at.offset, record.size));
        if (!bounds) break;
        file.tombstones++;
        const { seq, size } = record;
        this.#state.rangeDeletes.push({ seq, bounds, fileId: file.fileId, offset: at.offset, size });
        this.#state.removeRange(bounds, seq);
        break;
      }
      case recordTypes.blobChunk: {
        const key = record.bytes.subarray(record.keyStart, record.keyEnd);
        const { blobId, index } = decodeChunkKey(key);
        const known = this.#state.blobs.byId(blobId)?.chunks.get(index);
        // Two copies of a chunk are the same bytes; either will do.
        if (known) break;
        const { seq, size } = record;
        this.#state.blobs.addChunk(key, { fileId: file.fileId, offset: at.offset, size, seq });
        file.liveBytes += size;
        break;
      }
      default:
        break;
    }
  }

  /** Call once after all files. Drops the chunks of streams that were never finished or whose value was replaced. */
  finish(): void {
    this.#tombstones = undefined;
    const { blobs, keydir } = this.#state;
    if (blobs.size === 0) return;
    const owners = new Set<number>();
    using snapshot = keydir.snapshot();
    const cursor = snapshot.cursor();
    while (cursor.next()) if (blobs.ofOwner(cursor.seq)) owners.add(cursor.seq);
    for (const blob of blobs.values()) if (!owners.has(blob.ownerSeq)) this.#state.releaseBlob(blob);
  }

  #loadPut(record: LoadedRecord, file: DataFile, offset: number): void {
    const { keydir } = this.#state;
    const { bytes, keyStart, keyEnd, seq, size, expiresAtMs } = record;
    if (expiresAtMs !== 0) this.#state.countExpiring(file, size, expiresAtMs);
    if (this.#isDeleted(record)) return;
    const place = { fileId: file.fileId, offset, size, seq, expiresAtMs };
    if (!keydir.setIfNewer(bytes, place, keyStart, keyEnd)) return;
    file.liveBytes += size;
    if (keydir.replaced.size > 0) {
      const former = this.#state.table.get(keydir.replaced.fileId);
      if (former) former.liveBytes -= keydir.replaced.size;
    }
    if ((record.flags & recordFlags.blob) !== 0) {
      this.#state.blobs.setOwner(decodeBlobDescriptor(this.#readValue(file, offset, size)), seq);
    }
  }

  #isDeleted(record: LoadedRecord): boolean {
    const { bytes, keyStart, keyEnd, seq } = record;
    if (this.#tombstones) {
      const entry = this.#tombstones.find(bytes, keyStart, keyEnd);
      if (entry >= 0 && this.#tombstones.seqAt(entry) > seq) return true;
    }
    const { rangeDeletes } = this.#state;
    if (rangeDeletes.length === 0) return false;
    const key = bytes.subarray(keyStart, keyEnd);
    return rangeDeletes.some((each) => each.seq > seq && isWithin(key, each.bounds));
  }

  #loadDelete(record: LoadedRecord, file: DataFile, at: { offset: number; olderMayFollow: boolean }): void {
    const { keydir, table } = this.#state;
    const { bytes, keyStart, keyEnd, seq, size } = record;
    const entry = keydir.find(bytes, keyStart, keyEnd);
    if (entry >= 0 && keydir.seqAt(entry) < seq && keydir.remove(bytes, undefined, keyStart, keyEnd)) {
      const former = table.get(keydir.replaced.fileId);
      if (former) former.liveBytes -= keydir.replaced.size;
    }
    if (!at.olderMayFollow) return;
    this.#tombstones ??= this.#newTombstones();
    this.#tombstones.setIfNewer(
      bytes,
      { fileId: file.fileId, offset: 0, size, seq, expiresAtMs: 0 },
      keyStart,
      keyEnd,
    );
  }
}
