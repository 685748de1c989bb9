import path from "node:path";
import { BitcaskError, wrapSystemError } from "../errors.ts";
import { fileHeaderBytes } from "../format/file-header.ts";
import { dataName, hintName } from "../format/file-names.ts";
import { isBefore, decodeMark, type LogPosition } from "../format/mark.ts";
import { recordTypes } from "../format/record.ts";
import type { FileSystem } from "../fs/file-system.ts";
import { nodeFileSystem } from "../fs/node-file-system.ts";
import { DataFile } from "../log/data-file.ts";
import { FileTable } from "../log/file-table.ts";
import { Manifest } from "../manifest/manifest.ts";
import type { ManifestFile, ManifestState } from "../manifest/manifest-state.ts";
import { readHint } from "../recovery/hint-load.ts";
import { salvageScan } from "./salvage-scan.ts";
import { findDataFiles, type FoundFile } from "./store-files.ts";

/** One thing that is not as it should be. */
export interface Problem {
  /** `note`: normal after a crash, or repaired by the next open. `damage`: data may be lost; `bitcask repair` helps. */
  readonly severity: "note" | "damage";
  readonly file: string;
  readonly offset: number | undefined;
  readonly length: number | undefined;
  readonly message: string;
}

export interface VerifyReport {
  /** Whether no problem is worse than a note. */
  readonly isSound: boolean;
  readonly problems: readonly Problem[];
  readonly files: number;
  readonly records: number;
  readonly bytes: number;
}

/** Where to look. */
export interface CheckOptions {
  /** Default: the machine's. */
  readonly fileSystem?: FileSystem;
}

/**
 * Reads everything in a store and checks every checksum: manifest, headers, records, hints. Changes nothing and takes no
 * lock; beside a running writer, its latest writes may show up as notes.
 */
export async function verifyStore(directory: string, options: CheckOptions = {}): Promise<VerifyReport> {
  const fs = options.fileSystem ?? nodeFileSystem;
  const verification = new Verification(fs, directory);
  try {
    return await verification.run();
  } catch (error) {
    throw wrapSystemError(error, `verifying ${directory}`);
  }
}

class Verification {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #problems: Problem[] = [];
  #records = 0;
  #bytes = 0;
  /** How far the log is known to have been durable. */
  #durable: LogPosition = { fileId: 0, offset: 0 };

  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs;
    this.#directory = directory;
  }

  async run(): Promise<VerifyReport> {
    const found = findDataFiles(this.#fs, this.#directory);
    const manifest = this.#openManifest();
    const tailDamage: Problem[] = [];
    for (const file of found) {
      const listed = manifest?.state.files.get(file.fileId);
      if (manifest && !listed) {
        this.#report("note", file.name, "is not listed in the manifest; the next open removes it");
        continue;
      }
      // oxlint-disable-next-line eslint/no-await-in-loop -- one file after the other
      await this.#checkFile(file, { manifest, listed, tailDamage });
    }
    if (manifest) this.#reportMissing(manifest.state, found);
    for (const problem of tailDamage) this.#problems.push(this.#judgeTail(problem));
    manifest?.close();
    const isSound = this.#problems.every((problem) => problem.severity === "note");
    return {
      isSound,
      problems: this.#problems,
      files: found.length,
      records: this.#records,
      bytes: this.#bytes,
    };
  }

  #openManifest(): Manifest | undefined {
    try {
      return Manifest.open(this.#fs, this.#directory, { readOnly: true });
    } catch (error) {
      if (!(error instanceof BitcaskError) || error.code === "UNSUPPORTED_FORMAT") throw error;
      this.#report("damage", error.file ?? "CURRENT", error.message, error.offset);
      return undefined;
    }
  }

  async #checkFile(
    found: FoundFile,
    known: { manifest: Manifest | undefined; listed: ManifestFile | undefined; tailDamage: Problem[] },
  ): Promise<void> {
    const { listed, manifest, tailDamage } = known;
    const { name, fileId, size, header, seed } = found;
    this.#bytes += size;
    if (!header) {
      this.#report("damage", name, "its header is damaged, so none of its records can be read", 0);
      return;
    }
    const to = listed?.sealed?.size ?? listed?.end ?? size;
    if (size < to) this.#report("damage", name, `should have ${to} bytes but has ${size}`, size);
    const handle = this.#fs.open(path.join(this.#directory, name), "read");
    try {
      const damaged = await salvageScan(handle, { seed, to: Math.min(size, to) }, (record) => {
        if (record.type === recordTypes.mark) this.#noteMark(decodeMark(record.value));
        else this.#records++;
      });
      for (const { offset, length, isZero } of damaged) {
        const message = isZero ? "zeros where records should be" : "no whole record in this range";
        const problem: Problem = { severity: "damage", file: name, offset, length, message };
        if (listed?.sealed || !manifest) this.#problems.push(problem);
        else tailDamage.push(problem);
      }
    } finally {
      handle.close();
    }
    if (manifest && listed?.sealed)
      await this.#checkHint(manifest, { fileId, size: listed.sealed.size, salt: header.salt, seed });
  }

  async #checkHint(
    manifest: Manifest,
    of: { fileId: number; size: number; salt: Uint8Array; seed: number },
  ): Promise<void> {
    const table = new FileTable(this.#fs, this.#directory, { maxOpenFiles: 1 });
    const file = new DataFile({ ...of, kind: "log" });
    const hint = await readHint(table, file, { storeId: manifest.storeId, dataSize: of.size });
    if (typeof hint === "string")
      this.#report("note", hintName(of.fileId), `is ${hint}; the next open makes it again`);
  }

  /** A fault in the log's moving end is normal, unless a mark says that it lies in a part that was durable. */
  #judgeTail(problem: Problem): Problem {
    const fileId = Number.parseInt(problem.file, 10);
    if (isBefore({ fileId, offset: problem.offset ?? fileHeaderBytes }, this.#durable)) return problem;
    return {
      ...problem,
      severity: "note",
      message: `${problem.message}; a torn end, which the next open cuts off`,
    };
  }

  #noteMark(mark: LogPosition | undefined): void {
    if (mark && isBefore(this.#durable, mark)) this.#durable = mark;
  }

  #reportMissing(state: ManifestState, found: readonly FoundFile[]): void {
    const ids = new Set(found.map((file) => file.fileId));
    for (const { fileId } of state.files.values()) {
      if (!ids.has(fileId)) this.#report("damage", dataName(fileId), "is listed in the manifest but missing");
    }
  }

  #report(severity: Problem["severity"], file: string, message: string, offset?: number): void {
    this.#problems.push({ severity, file, offset, length: undefined, message });
  }
}
