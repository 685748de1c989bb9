import { BitcaskError, wrapSystemError } from "../errors.ts";
import type { MergeResult } from "../events.ts";
import { hintName } from "../format/file-names.ts";
import type { HintCursor } from "../format/hint-block.ts";
import type { ManifestOperation } from "../format/manifest-edit.ts";
import { recordTypes } from "../format/record.ts";
import type { DataFile } from "../log/data-file.ts";
import { HintEntries, readHint, type CheckedHint } from "../recovery/hint-load.ts";
import { rebuildHint } from "../recovery/hint-rebuild.ts";
import { decodeChunkKey } from "../state/blob-table.ts";
import type { Store } from "../store.ts";
import { MergeOutput } from "./merge-output.ts";
import type { Pace } from "./pace.ts";
import { Relocation } from "./relocation.ts";
import { TombstoneFilter } from "./tombstone-filter.ts";
import { WindowReader } from "./window-reader.ts";

/** What is to happen to one record of an input. */
type Verdict = "drop" | "copy" | "replaceByDeletion";

/**
 * One merge: copies what is still needed from the input files into new ones and then swaps them.
 *
 * Nothing is locked. Records are judged by the keydir at the moment they are met; a key that is overwritten after its
 * record was copied simply leaves a dead copy. The order of the last steps is what makes it safe:
 *
 * 1. outputs and their names are made durable;
 * 2. the log is synced, because records were dropped on the strength of newer ones that might only be in the page cache;
 * 3. one edit of the manifest adds the outputs and removes the inputs: this is the commit;
 * 4. keydir entries move to the outputs, each only if its record is still the newest;
 * 5. inputs are unlinked once no snapshot can name them.
 */
export class MergeRun {
  readonly #store: Store;
  readonly #inputs: readonly DataFile[];
  readonly #pace: Pace;
  readonly #nowMs: number;
  readonly #output: MergeOutput;
  readonly #totalBytes: number;
  #bytesRead = 0;
  #doneBytes = 0;
  #kept = 0;
  #dropped = 0;
  #tombstonesDropped = 0;
  #expiredDropped = 0;
  /** Deletions kept, by bytes, and the highest sequence number among them. */
  #keptDeletionBytes = 0;
  #keptDeletionSeq = 0;

  constructor(store: Store, options: { inputs: readonly DataFile[]; pace: Pace; nowMs: number }) {
    this.#store = store;
    this.#inputs = options.inputs;
    this.#pace = options.pace;
    this.#nowMs = options.nowMs;
    this.#output = new MergeOutput({
      table: store.table,
      storeId: store.manifest.storeId,
      maxFileBytes: store.options.maxFileBytes,
      allocateFileId: () => store.log.allocateFileId(),
    });
    this.#totalBytes = this.#inputs.reduce((sum, file) => sum + file.size, 0);
  }

  /** Throws with everything as it was, unless the commit itself failed to sync, which stops all writing. */
  async run(): Promise<MergeResult> {
    const startedAt = performance.now();
    let operations: ManifestOperation[];
    const staying = [...this.#store.table.values()].filter(
      (file) => !this.#inputs.includes(file) && !file.retired,
    );
    const filter = await this.#copyAll(staying);
    try {
      operations = await this.#output.finish();
      await this.#store.log.sync();
    } catch (error) {
      this.#output.discard();
      throw wrapSystemError(error, "completing a merge");
    }
    this.#commit(operations);
    await new Relocation(this.#store, this.#pace).moveTo(this.#output.files);
    this.#retireInputs();
    this.#noteKeptDeletions(filter);
    return this.#result(performance.now() - startedAt);
  }

  async #copyAll(staying: DataFile[]): Promise<TombstoneFilter> {
    try {
      const hints: CheckedHint[] = [];
      // oxlint-disable-next-line eslint/no-await-in-loop -- a missing hint is made by reading the whole file
      for (const file of this.#inputs) hints.push(await this.#hintOf(file));
      const filter = await TombstoneFilter.build(this.#store, { inputs: hints, staying }, this.#pace);
      for (const [index, file] of this.#inputs.entries()) {
        // oxlint-disable-next-line eslint/no-await-in-loop -- files one after the other keep memory bounded
        await this.#copyFile(file, hints[index]!, filter);
      }
      return filter;
    } catch (error) {
      this.#output.discard();
      throw wrapSystemError(error, "merging");
    }
  }

  async #hintOf(file: DataFile): Promise<CheckedHint> {
    const { table, manifest } = this.#store;
    const expected = { storeId: manifest.storeId, dataSize: file.size };
    const hint = await readHint(table, file, expected);
    if (typeof hint !== "string") return hint;
    await rebuildHint(this.#store, file);
    const rebuilt = await readHint(table, file, expected);
    if (typeof rebuilt !== "string") return rebuilt;
    throw new BitcaskError("IO_ERROR", `the hint of ${file.name} cannot be written; is the disk full?`, {
      file: hintName(file.fileId),
    });
  }

  async #copyFile(file: DataFile, hint: CheckedHint, filter: TombstoneFilter): Promise<void> {
    const reader = new WindowReader(this.#store.table, file);
    const entries = new HintEntries(hint);
    while (entries.next()) {
      const { entry } = entries;
      // oxlint-disable-next-line eslint/no-await-in-loop -- the event loop's turn
      if (this.#pace.isSliceOver) await this.#pace.spent(0);
      const verdict = this.#judge(entry, file, filter);
      if (verdict === "drop") continue;
      // oxlint-disable-next-line eslint/no-await-in-loop
      if (this.#output.isFullFor(entry.size)) await this.#output.startNext();
      if (verdict === "replaceByDeletion") {
        const key = entry.bytes.subarray(entry.keyStart, entry.keyEnd);
        this.#countKeptDeletion(this.#output.appendDeletion({ seq: entry.seq, key }), entry.seq);
        continue;
      }
      if (!reader.holds(entry.offset, entry.size)) {
        // oxlint-disable-next-line eslint/no-await-in-loop
        await this.#output.settle();
        const before = reader.bytesRead;
        // oxlint-disable-next-line eslint/no-await-in-loop
        await reader.moveTo(entry.offset, entry.size);
        // oxlint-disable-next-line eslint/no-await-in-loop
        await this.#pace.spent(2 * (reader.bytesRead - before));
        // The world went on meanwhile; a record that has died in between need not be copied, but may be.
      }
      this.#copy(reader, entry, file);
    }
    this.#bytesRead += reader.bytesRead;
    this.#doneBytes += file.size;
    this.#store.events.emit({
      type: "mergeProgress",
      doneBytes: this.#doneBytes,
      totalBytes: this.#totalBytes,
    });
  }

  #copy(reader: WindowReader, entry: HintCursor, file: DataFile): void {
    try {
      this.#output.append(reader.record(entry.offset, entry.size));
    } catch (error) {
      // Merging it would need every record to be sound; it stays as it is, and whoever reads the bad one is told.
      if (error instanceof BitcaskError && error.code === "CORRUPT") file.damaged = true;
      throw error;
    }
    this.#kept++;
    if (entry.type === recordTypes.del || entry.type === recordTypes.rangeDel)
      this.#countKeptDeletion(entry.size, entry.seq);
  }

  #judge(entry: HintCursor, file: DataFile, filter: TombstoneFilter): Verdict {
    const verdict = this.#verdictOn(entry, file, filter);
    if (verdict === "drop") this.#dropped++;
    return verdict;
  }

  #verdictOn(entry: HintCursor, file: DataFile, filter: TombstoneFilter): Verdict {
    const { keydir, blobs } = this.#store.state;
    const { bytes, keyStart, keyEnd, seq } = entry;
    switch (entry.type) {
      case recordTypes.put: {
        const found = keydir.find(bytes, keyStart, keyEnd);
        if (found < 0 || keydir.seqAt(found) !== seq) return "drop";
        if (entry.expiresAtMs === 0 || entry.expiresAtMs > this.#nowMs) return "copy";
        return this.#expire(entry, filter);
      }
      case recordTypes.del: {
        const found = keydir.find(bytes, keyStart, keyEnd);
        const isReplaced = found >= 0 && keydir.seqAt(found) > seq;
        if (!isReplaced && filter.isNeeded(bytes, seq, keyStart, keyEnd)) return "copy";
        this.#tombstonesDropped++;
        return "drop";
      }
      case recordTypes.rangeDel:
        if (filter.isAnyOlder(seq)) return "copy";
        this.#tombstonesDropped++;
        return "drop";
      case recordTypes.blobChunk: {
        const { blobId, index } = decodeChunkKey(bytes.subarray(keyStart, keyEnd));
        const chunk = blobs.byId(blobId)?.chunks.get(index);
        return chunk?.fileId === file.fileId && chunk.offset === entry.offset ? "copy" : "drop";
      }
      default:
        return "drop";
    }
  }

  /** An expired record hides older ones of its key just as a deletion does, so it may go only under the same rule. */
  #expire(entry: HintCursor, filter: TombstoneFilter): Verdict {
    const { state } = this.#store;
    const { bytes, keyStart, keyEnd, seq } = entry;
    if (state.keydir.remove(bytes, seq, keyStart, keyEnd)) state.release(state.keydir.replaced);
    this.#expiredDropped++;
    return filter.isAnyOlder(seq) ? "replaceByDeletion" : "drop";
  }

  #countKeptDeletion(bytes: number, seq: number): void {
    this.#keptDeletionBytes += bytes;
    this.#keptDeletionSeq = Math.max(this.#keptDeletionSeq, seq);
  }

  #commit(added: ManifestOperation[]): void {
    const { manifest, state, log } = this.#store;
    const operations: ManifestOperation[] = [...added];
    for (const { fileId } of this.#inputs) operations.push({ op: "remove", fileId });
    // The batch that carried it may be in one of the inputs, and its end record is not copied.
    if (state.meta) operations.push({ op: "meta", seq: state.meta.seq, meta: state.meta.bytes });
    try {
      manifest.commit(operations);
    } catch (error) {
      const isUnknown = error instanceof BitcaskError && error.outcome === "unknown";
      // Then the edit may be in effect at the next open, so no file may be removed, and nothing more be written.
      if (isUnknown) throw log.failure.syncFailed("the manifest", error);
      this.#output.discard();
      throw error;
    }
    for (const file of this.#output.files) file.sealed = true;
    const gone = new Set(this.#inputs.map((file) => file.fileId));
    const { rangeDeletes } = state;
    for (let index = rangeDeletes.length - 1; index >= 0; index--) {
      if (gone.has(rangeDeletes[index]!.fileId)) rangeDeletes.splice(index, 1);
    }
  }

  #retireInputs(): void {
    const { state, table, events } = this.#store;
    for (const file of this.#inputs) {
      file.retired = true;
      if (state.keydir.liveKeysIn(file.fileId) > 0) {
        // Only a damaged record whose key nobody can read any more should get here. Its file stays until the next open.
        const message = `after a merge an unreadable key still points at ${file.name}; the file is kept until the store is opened again`;
        events.emit({ type: "corruption", error: new BitcaskError("CORRUPT", message, { file: file.name }) });
        continue;
      }
      state.retirement.whenUnseen(() => {
        table.drop(file);
        table.removeNames(file.name, hintName(file.fileId));
      });
    }
  }

  #noteKeptDeletions(filter: TombstoneFilter): void {
    if (this.#keptDeletionBytes === 0) return;
    const blockers = filter.blockersOf(this.#keptDeletionSeq);
    const share = Math.ceil(this.#keptDeletionBytes / this.#output.files.length);
    for (const file of this.#output.files) file.keptDeletions = { bytes: share, blockers };
  }

  #result(durationMs: number): MergeResult {
    const outputBytes = this.#output.files.reduce((sum, file) => sum + file.size, 0);
    return {
      inputs: this.#inputs.map((file) => file.fileId),
      outputs: this.#output.files.map((file) => file.fileId),
      bytesRead: this.#bytesRead,
      bytesWritten: this.#output.bytesWritten,
      bytesReclaimed: this.#totalBytes - outputBytes,
      recordsKept: this.#kept,
      recordsDropped: this.#dropped,
      tombstonesDropped: this.#tombstonesDropped,
      expiredDropped: this.#expiredDropped,
      durationMs,
    };
  }
}
