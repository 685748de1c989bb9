import { hintName } from "../format/file-names.ts";
import { BitcaskError } from "../errors.ts";
import { decodeKeyBounds } from "../format/range-delete.ts";
import type { HintCursor } from "../format/hint-block.ts";
import { recordTypes, valueStartOf } from "../format/record.ts";
import type { DataFile } from "../log/data-file.ts";
import { HintEntries, readHint } from "../recovery/hint-load.ts";
import { decodeChunkKey } from "../state/blob-table.ts";
import type { Store } from "../store.ts";
import type { Pace } from "./pace.ts";

/**
 * Points the keydir at a merge's outputs, after the merge has been committed. Goes by the outputs' hints, so no list of
 * moved keys has to be held in memory while the merge runs.
 */
export class Relocation {
  readonly #store: Store;
  readonly #pace: Pace;

  constructor(store: Store, pace: Pace) {
    this.#store = store;
    this.#pace = pace;
  }

  async moveTo(files: readonly DataFile[]): Promise<void> {
    for (const file of files) {
      // oxlint-disable-next-line eslint/no-await-in-loop -- one hint in memory at a time
      await this.#moveToFile(file);
    }
  }

  async #moveToFile(file: DataFile): Promise<void> {
    const { table, manifest } = this.#store;
    const hint = await readHint(table, file, { storeId: manifest.storeId, dataSize: file.size });
    if (typeof hint === "string") {
      throw new BitcaskError("IO_ERROR", `the hint of ${file.name}, just written, cannot be read`, {
        file: hintName(file.fileId),
      });
    }
    const entries = new HintEntries(hint);
    while (entries.next()) {
      this.#moveEntry(entries.entry, file);
      // oxlint-disable-next-line eslint/no-await-in-loop -- the event loop's turn; too late to cancel
      if (this.#pace.isSliceOver) await this.#pace.turn();
    }
  }

  #moveEntry(entry: HintCursor, file: DataFile): void {
    const { state } = this.#store;
    const { fileId } = file;
    const { offset, size, seq, expiresAtMs, bytes, keyStart, keyEnd } = entry;
    if (entry.type === recordTypes.put) {
      // False if the key has been written or deleted since: then the copy is dead from the start.
      if (!state.keydir.relocate(bytes, { fileId, offset, size, seq, expiresAtMs }, keyStart, keyEnd)) return;
      file.liveBytes += size;
      if (expiresAtMs !== 0) state.countExpiring(file, size, expiresAtMs);
      this.#subtract(state.keydir.replaced.fileId, state.keydir.replaced.size);
    } else if (entry.type === recordTypes.blobChunk) {
      const { blobId, index } = decodeChunkKey(bytes.subarray(keyStart, keyEnd));
      const blob = state.blobs.byId(blobId);
      const former = blob?.chunks.get(index);
      if (!blob || !former) return;
      blob.chunks.set(index, { fileId, offset, size, seq });
      file.liveBytes += size;
      this.#subtract(former.fileId, former.size);
    } else if (entry.type === recordTypes.rangeDel) {
      const record = this.#store.records.readSync(fileId, offset, size);
      const bounds = decodeKeyBounds(record.subarray(valueStartOf(record)));
      if (bounds) state.rangeDeletes.push({ seq, bounds, fileId, offset, size });
    }
  }

  #subtract(fileId: number, bytes: number): void {
    const file = this.#store.table.get(fileId);
    if (file) file.liveBytes -= bytes;
  }
}
