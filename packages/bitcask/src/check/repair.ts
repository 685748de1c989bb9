import { randomBytes } from "node:crypto";
import path from "node:path";
import { BitcaskError, wrapSystemError } from "../errors.ts";
import { currentName, dataName, hintName, manifestNumberOf, quarantineName } from "../format/file-names.ts";
import type { ManifestOperation } from "../format/manifest-edit.ts";
import { recordTypes } from "../format/record.ts";
import type { FileSystem } from "../fs/file-system.ts";
import { nodeFileSystem } from "../fs/node-file-system.ts";
import { EventHub } from "../events.ts";
import { defaultMaxFileBytes } from "../limits.ts";
import { DataFile } from "../log/data-file.ts";
import { FileTable } from "../log/file-table.ts";
import { Manifest } from "../manifest/manifest.ts";
import { ManifestState } from "../manifest/manifest-state.ts";
import { MergeOutput } from "../merge/merge-output.ts";
import { describeKey } from "../read/record-reader.ts";
import { resolveOptions } from "../options.ts";
import { closeStore, openStore } from "../store.ts";
import { forEachHintEntry, readHint } from "../recovery/hint-load.ts";
import { salvageScan, type DamagedRange } from "./salvage-scan.ts";
import { findDataFiles, type FoundFile } from "./store-files.ts";
import type { CheckOptions } from "./verify.ts";

/** What a repair did about one file. */
export interface RepairedFile {
  readonly file: string;
  readonly action: "kept" | "rewritten" | "lost" | "adopted";
  readonly recordsKept: number;
  readonly damaged: readonly DamagedRange[];
  /** Keys whose record in this file is lost, as far as the file's hint tells. An older or newer record may exist elsewhere. */
  readonly lostKeys: readonly string[];
}

export interface RepairReport {
  readonly manifestRebuilt: boolean;
  readonly files: readonly RepairedFile[];
}

/**
 * Makes a damaged store openable again by giving up what cannot be read, and says what that was.
 *
 * Every whole record is kept, also those of batches that have lost other records. Damaged files are rewritten and the
 * originals moved to `quarantine/`. When the manifest itself is unreadable every data file found is adopted; files that a
 * merge had already replaced may be among them, so keys deleted before that merge can come back.
 */
export async function repairStore(directory: string, options: CheckOptions = {}): Promise<RepairReport> {
  const fs = options.fileSystem ?? nodeFileSystem;
  try {
    // A torn end is no damage, and an ordinary open treats it better: it keeps batches whole.
    await openAndClose(directory, fs);
    const lock = await fs.lock(directory);
    try {
      return await new Repair(fs, directory).run();
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw wrapSystemError(error, `repairing ${directory}`);
  }
}

async function openAndClose(directory: string, fileSystem: FileSystem): Promise<void> {
  try {
    const options = resolveOptions({ fileSystem, createIfMissing: false, merge: { auto: false } });
    await closeStore(await openStore(directory, options, new EventHub()));
  } catch (error) {
    if (
      error instanceof BitcaskError &&
      ["LOCKED", "NOT_A_STORE", "DIRECTORY_MISSING", "UNSUPPORTED_FORMAT"].includes(error.code)
    )
      throw error;
  }
}

class Repair {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #table: FileTable;
  readonly #files: RepairedFile[] = [];
  readonly #operations: ManifestOperation[] = [];
  /** Moved away only after the manifest has forgotten them. */
  readonly #replaced: string[] = [];

  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs;
    this.#directory = directory;
    this.#table = new FileTable(fs, directory, { maxOpenFiles: 16 });
  }

  async run(): Promise<RepairReport> {
    const found = findDataFiles(this.#fs, this.#directory);
    const opened = this.#openManifest();
    const manifest = opened ?? this.#rebuildManifest(found);
    try {
      let nextFileId = Math.max(manifest.state.nextFileId, ...found.map((file) => file.fileId + 1));
      const allocateFileId = (): number => nextFileId++;
      for (const { fileId } of manifest.state.files.values()) {
        const file = found.find((each) => each.fileId === fileId);
        // oxlint-disable-next-line eslint/no-await-in-loop -- one file after the other
        if (file?.header) await this.#repairFile(manifest, { file, allocateFileId, isAdopted: !opened });
        else this.#giveUp(fileId, file);
      }
      if (opened) await this.#adoptUnlisted(manifest, { found, allocateFileId });
      if (this.#operations.length > 0) manifest.commit(this.#operations);
      for (const name of this.#replaced) this.#quarantine(name);
      this.#fs.syncDirectory(this.#directory);
      return { manifestRebuilt: !opened, files: this.#files };
    } finally {
      this.#table.closeAll();
      manifest.close();
    }
  }

  #openManifest(): Manifest | undefined {
    try {
      return Manifest.open(this.#fs, this.#directory, { readOnly: false });
    } catch (error) {
      if (!(error instanceof BitcaskError) || error.code === "UNSUPPORTED_FORMAT") throw error;
      return undefined;
    }
  }

  #rebuildManifest(found: readonly FoundFile[]): Manifest {
    const first = found.find((file) => file.header);
    if (!first?.header && found.length > 0) {
      throw new BitcaskError(
        "CORRUPT",
        "no data file has a readable header; there is nothing to repair from",
      );
    }
    if (!first) throw new BitcaskError("NOT_A_STORE", `${this.#directory} holds no data file`);
    for (const name of this.#fs.list(this.#directory) ?? []) {
      if (name === currentName || manifestNumberOf(name) !== undefined) this.#quarantine(name);
    }
    const state = new ManifestState();
    for (const { fileId, header } of found) {
      if (header?.kind !== "log" && header?.kind !== "merged") continue;
      state.apply({ op: "add", fileId, kind: header.kind, salt: header.salt });
    }
    return Manifest.create(this.#fs, this.#directory, {
      storeId: first.header?.storeId ?? Uint8Array.from(randomBytes(16)),
      state,
    });
  }

  async #repairFile(
    manifest: Manifest,
    how: { file: FoundFile; allocateFileId: () => number; isAdopted: boolean },
  ): Promise<void> {
    const { file, allocateFileId, isAdopted } = how;
    const listed = manifest.state.files.get(file.fileId);
    const to = Math.min(file.size, listed?.sealed?.size ?? listed?.end ?? file.size);
    const output = new MergeOutput({
      table: this.#table,
      storeId: manifest.storeId,
      maxFileBytes: 2 * Math.max(defaultMaxFileBytes, file.size),
      allocateFileId,
    });
    const handle = this.#fs.open(path.join(this.#directory, file.name), "read");
    const sound = new Set<number>();
    let damaged: DamagedRange[];
    try {
      damaged = await salvageScan(handle, { seed: file.seed, to }, (record, offset) => {
        if (record.type === recordTypes.mark) return;
        sound.add(offset);
        output.append(record);
      });
    } finally {
      handle.close();
    }
    const isWhole = damaged.length === 0 && to === (listed?.sealed?.size ?? to);
    if (isWhole && listed?.sealed) {
      output.discard();
      this.#files.push({ file: file.name, action: "kept", recordsKept: sound.size, damaged, lostKeys: [] });
      return;
    }
    const lostKeys = await this.#lostKeys(manifest, file, sound);
    this.#operations.push({ op: "remove", fileId: file.fileId }, ...(await output.finish()));
    this.#replaced.push(file.name, hintName(file.fileId));
    this.#files.push({
      file: file.name,
      action: isAdopted ? "adopted" : "rewritten",
      recordsKept: sound.size,
      damaged,
      lostKeys,
    });
  }

  /** Files with records that a damaged end of the manifest no longer lists. */
  async #adoptUnlisted(
    manifest: Manifest,
    from: { found: readonly FoundFile[]; allocateFileId: () => number },
  ): Promise<void> {
    const { nextFileId } = manifest.state;
    for (const file of from.found) {
      if (manifest.state.files.has(file.fileId) || file.fileId < nextFileId || file.header?.kind !== "log")
        continue;
      // oxlint-disable-next-line eslint/no-await-in-loop -- one file after the other
      await this.#repairFile(manifest, { file, allocateFileId: from.allocateFileId, isAdopted: true });
    }
  }

  #giveUp(fileId: number, file: FoundFile | undefined): void {
    this.#operations.push({ op: "remove", fileId });
    const name = dataName(fileId);
    const damaged = file ? [{ offset: 0, length: file.size, isZero: false }] : [];
    if (file) this.#replaced.push(name, hintName(fileId));
    this.#files.push({ file: name, action: "lost", recordsKept: 0, damaged, lostKeys: [] });
  }

  async #lostKeys(manifest: Manifest, found: FoundFile, sound: ReadonlySet<number>): Promise<string[]> {
    const { fileId, seed, header, size } = found;
    if (!header) return [];
    const dataSize = manifest.state.files.get(fileId)?.sealed?.size ?? size;
    const file = new DataFile({ fileId, kind: "log", salt: header.salt, seed, size: dataSize });
    const hint = await readHint(this.#table, file, { storeId: manifest.storeId, dataSize });
    if (typeof hint === "string") return [];
    const lost: string[] = [];
    forEachHintEntry(hint, (entry) => {
      if (entry.type !== recordTypes.put || sound.has(entry.offset)) return;
      lost.push(describeKey(entry.bytes.subarray(entry.keyStart, entry.keyEnd)));
    });
    return lost;
  }

  #quarantine(name: string): void {
    const from = path.join(this.#directory, name);
    if (this.#fs.sizeOf(from) === undefined) return;
    const directory = path.join(this.#directory, quarantineName);
    this.#fs.makeDirectory(directory);
    let to = path.join(directory, name);
    for (let attempt = 2; this.#fs.sizeOf(to) !== undefined; attempt++)
      to = path.join(directory, `${name}.${attempt}`);
    this.#fs.rename(from, to);
    this.#fs.syncDirectory(directory);
  }
}
