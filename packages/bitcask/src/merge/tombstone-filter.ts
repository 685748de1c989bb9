import { recordTypes } from "../format/record.ts";
import { createKeydir } from "../keydir/off-heap-keydir.ts";
import type { Keydir } from "../keydir/keydir.ts";
import { maxTombstonesExamined } from "../limits.ts";
import type { DataFile } from "../log/data-file.ts";
import { forEachHintEntry, readHint, type CheckedHint } from "../recovery/hint-load.ts";
import type { Store } from "../store.ts";
import type { Pace } from "./pace.ts";

/**
 * Decides which deletions a merge may leave out.
 *
 * A deletion is there to hide older records of its key. It may go when no file that stays holds one: dropped too early, a
 * deleted key comes back at the next open (basho/bitcask #82, rosedb #258); never dropped, deletions pile up for ever
 * (basho/bitcask #156). Two questions, the cheap one first:
 *
 * 1. Is every staying file newer than the deletion? Then nothing older is left.
 * 2. Does any staying file that is not list the key, with an older record, in its hint?
 *
 * Whatever cannot be answered counts as "needed".
 */
export class TombstoneFilter {
  readonly #staying: readonly DataFile[];
  readonly #candidates: Keydir;

  private constructor(staying: readonly DataFile[]) {
    this.#staying = staying;
    // Off the heap, because there can be millions. `size` 1 marks a deletion that is needed.
    this.#candidates = createKeydir({ mode: "full", seed: 0n });
  }

  /** `inputs` with their hints; `staying` are all other files of the store. */
  static async build(
    store: Store,
    files: { inputs: readonly CheckedHint[]; staying: readonly DataFile[] },
    pace: Pace,
  ): Promise<TombstoneFilter> {
    const filter = new TombstoneFilter(files.staying);
    for (const hint of files.inputs) filter.#collect(hint);
    if (filter.#candidates.size > 0) {
      for (const file of files.staying) {
        // oxlint-disable-next-line eslint/no-await-in-loop -- one hint in memory at a time
        await filter.#checkAgainst(store, file, pace);
      }
    }
    return filter;
  }

  /** Whether the deletion of a key with this sequence number must be kept. */
  isNeeded(key: Uint8Array, seq: number, start: number, end: number): boolean {
    if (!this.isAnyOlder(seq)) return false;
    const entry = this.#candidates.find(key, start, end);
    if (entry < 0) return true;
    // A newer deletion of the same key in the same merge does its work too.
    return this.#candidates.seqAt(entry) === seq && this.#candidates.sizeAt(entry) === 1;
  }

  /** Whether some staying file holds any record older than this. */
  isAnyOlder(seq: number): boolean {
    return this.#staying.some((file) => file.minSeq < seq);
  }

  /** The staying files that kept deletions are waiting for. */
  blockersOf(seq: number): DataFile[] {
    return this.#staying.filter((file) => file.minSeq < seq);
  }

  #collect(hint: CheckedHint): void {
    forEachHintEntry(hint, (entry) => {
      if (
        entry.type !== recordTypes.del ||
        !this.isAnyOlder(entry.seq) ||
        this.#candidates.size >= maxTombstonesExamined
      )
        return;
      const place = { fileId: 0, offset: 0, size: 0, seq: entry.seq, expiresAtMs: 0 };
      this.#candidates.setIfNewer(entry.bytes, place, entry.keyStart, entry.keyEnd);
    });
  }

  async #checkAgainst(store: Store, file: DataFile, pace: Pace): Promise<void> {
    if (!file.sealed) return; // The log's moving end is newer than everything that is merged.
    const hint = await readHint(store.table, file, { storeId: store.manifest.storeId, dataSize: file.size });
    if (typeof hint === "string") {
      this.#needAllAfter(file.minSeq);
      return;
    }
    forEachHintEntry(hint, (entry) => {
      const { bytes, keyStart, keyEnd } = entry;
      const found = this.#candidates.find(bytes, keyStart, keyEnd);
      if (found < 0 || this.#candidates.seqAt(found) <= entry.seq) return;
      const place = { fileId: 0, offset: 0, size: 1, seq: this.#candidates.seqAt(found), expiresAtMs: 0 };
      this.#candidates.set(bytes, place, keyStart, keyEnd);
    });
    await pace.spent(hint.bytes.length);
  }

  #needAllAfter(minSeq: number): void {
    using snapshot = this.#candidates.snapshot();
    const cursor = snapshot.cursor();
    const needed: { key: Uint8Array; seq: number }[] = [];
    while (cursor.next()) if (cursor.seq > minSeq) needed.push({ key: cursor.key(), seq: cursor.seq });
    snapshot.release();
    for (const { key, seq } of needed)
      this.#candidates.set(key, { fileId: 0, offset: 0, size: 1, seq, expiresAtMs: 0 });
  }
}
