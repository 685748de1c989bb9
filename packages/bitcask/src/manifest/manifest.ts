import path from "node:path";
import { randomBytes } from "node:crypto";
import { BitcaskError, wrapSystemError } from "../errors.ts";
import { decodeFileHeader, encodeFileHeader, fileHeaderBytes, seedOf } from "../format/file-header.ts";
import { currentName, currentTemporaryName, manifestName } from "../format/file-names.ts";
import { decodeFrame, encodeFrame, type ManifestOperation } from "../format/manifest-edit.ts";
import { readFully, writeFully, type FileHandle, type FileSystem } from "../fs/file-system.ts";
import { maxManifestBytes } from "../limits.ts";
import { ManifestState } from "./manifest-state.ts";

/**
 * The list of files that make up the store.
 *
 * Without one, the truth would be "whatever files are in the directory", and then a merge cannot commit: between
 * creating its output and unlinking the last input there is always a moment in which a crash leaves a mixture, and
 * which mixture came back has resurrected deleted keys in other stores. With a manifest a merge commits by one
 * checksummed, synced append; files that it does not list do not exist.
 *
 * CURRENT names the manifest in use. It is replaced by rename, so it is always whole.
 */
export class Manifest {
  readonly state: ManifestState;
  readonly storeId: Uint8Array;
  /** Which manifest file is in use; grows with every rewrite. */
  number: number;
  readonly #fs: FileSystem;
  readonly #directory: string;
  #handle: FileHandle;
  #seed: number;
  #end: number;
  /** A failed append leaves unknown bytes behind the last good edit; nothing may be appended after them. */
  #broken: BitcaskError | undefined;

  private constructor(init: {
    fs: FileSystem;
    directory: string;
    storeId: Uint8Array;
    number: number;
    state: ManifestState;
    handle: FileHandle;
    seed: number;
    end: number;
  }) {
    this.#fs = init.fs;
    this.#directory = init.directory;
    this.storeId = init.storeId;
    this.number = init.number;
    this.state = init.state;
    this.#handle = init.handle;
    this.#seed = init.seed;
    this.#end = init.end;
  }

  /** Makes the first manifest of a new store. When this returns, an empty store exists durably. */
  static create(
    fs: FileSystem,
    directory: string,
    init: { storeId: Uint8Array; state: ManifestState },
  ): Manifest {
    return Manifest.#write(fs, directory, { ...init, number: 1 });
  }

  /** Opens the manifest that CURRENT names. A torn last edit, which was never acknowledged, is ignored. */
  static open(fs: FileSystem, directory: string, options: { readOnly: boolean }): Manifest {
    const number = readCurrent(fs, directory);
    const file = manifestName(number);
    const bytes = readWhole(fs, directory, file);
    const header = decodeManifestHeader(bytes, file, options.readOnly);
    const seed = seedOf(bytes);
    const state = new ManifestState();
    let offset = fileHeaderBytes;
    for (;;) {
      const frame = decodeFrame(bytes, { fileSeed: seed, offset });
      if (!frame) break;
      for (const operation of frame.operations) state.apply(operation);
      offset = frame.end;
    }
    if (offset === fileHeaderBytes || hasLaterFrame(bytes, seed, offset)) throw damagedManifest(file, offset);
    const handle = fs.open(path.join(directory, file), options.readOnly ? "read" : "write");
    const manifest = new Manifest({
      fs,
      directory,
      storeId: header.storeId,
      number,
      state,
      handle,
      seed,
      end: offset,
    });
    // Bytes of a torn edit must not stay behind the next one.
    if (!options.readOnly && offset < bytes.length) manifest.#handle.truncate(offset);
    return manifest;
  }

  /**
   * Appends one edit and makes it durable before it returns. When it throws, the edit may or may not be in effect after
   * a crash, so the manifest refuses further edits; the store must be opened again.
   */
  commit(operations: readonly ManifestOperation[]): void {
    if (this.#broken) throw this.#broken;
    const frame = encodeFrame(operations, { fileSeed: this.#seed, offset: this.#end });
    try {
      writeFully(this.#handle, frame, { start: 0, end: frame.length, position: this.#end });
    } catch (error) {
      this.#cutBack(error);
      throw (
        this.#broken ?? wrapSystemError(error, "writing the manifest", { file: manifestName(this.number) })
      );
    }
    try {
      // The edit is the commit point of rotations and merges: what follows (records in the new file, unlinking the
      // merged ones) relies on it.
      this.#handle.sync();
    } catch (error) {
      this.#broken = new BitcaskError(
        "SYNC_FAILED",
        "syncing the manifest failed; whether its last edit is durable is unknown. Close the store and open it again.",
        { file: manifestName(this.number), outcome: "unknown", cause: error },
      );
      throw this.#broken;
    }
    this.#end += frame.length;
    for (const operation of operations) this.state.apply(operation);
    if (this.#end > maxManifestBytes) this.#rewrite();
  }

  close(): void {
    this.#handle.close();
  }

  /** After a write that failed part way, the edit must not come into effect by what arrived of it. */
  #cutBack(cause: unknown): void {
    try {
      this.#handle.truncate(this.#end);
      // Or power loss could bring the cut bytes back, and with them an edit that the caller was told had failed.
      this.#handle.sync();
    } catch {
      this.#broken = new BitcaskError(
        "SYNC_FAILED",
        "an edit of the manifest failed and could not be taken back. Close the store and open it again.",
        { file: manifestName(this.number), outcome: "unknown", cause },
      );
    }
  }

  /** Starts a new manifest that holds only the present state. If that fails the old one simply goes on. */
  #rewrite(): void {
    let next: Manifest;
    try {
      next = Manifest.#write(this.#fs, this.#directory, {
        storeId: this.storeId,
        number: this.number + 1,
        state: this.state,
      });
    } catch (error) {
      // CURRENT may already name the new file, so edits must not go to the old one any more.
      this.#broken = wrapSystemError(error, "rewriting the manifest", {
        file: manifestName(this.number + 1),
      });
      return;
    }
    const old = this.number;
    this.#handle.close();
    this.#handle = next.#handle;
    this.#seed = next.#seed;
    this.#end = next.#end;
    this.number = next.number;
    try {
      this.#fs.unlink(path.join(this.#directory, manifestName(old)));
    } catch {
      // CURRENT does not name it, so the next open removes it.
    }
  }

  static #write(
    fs: FileSystem,
    directory: string,
    init: { storeId: Uint8Array; number: number; state: ManifestState },
  ): Manifest {
    const { storeId, number, state } = init;
    const target = path.join(directory, manifestName(number));
    // A leftover of an attempt that crashed before CURRENT named it.
    if (fs.sizeOf(target) !== undefined) fs.unlink(target);
    const header = encodeFileHeader({
      kind: "manifest",
      storeId,
      fileId: number,
      salt: randomBytes(8),
      createdAtMs: Date.now(),
    });
    const seed = seedOf(header);
    const bytes = Buffer.concat([
      header,
      encodeFrame(state.toOperations(), { fileSeed: seed, offset: header.length }),
    ]);
    const handle = fs.create(target);
    try {
      writeFully(handle, bytes, { start: 0, end: bytes.length, position: 0 });
      // Its content must be durable before CURRENT can name it.
      handle.sync();
      // And so must its name, or after a crash CURRENT could name a file that is not there.
      fs.syncDirectory(directory);
      writeCurrent(fs, directory, number);
    } catch (error) {
      handle.close();
      throw error;
    }
    return new Manifest({ fs, directory, storeId, number, state, handle, seed, end: bytes.length });
  }
}

/** Whether the store in the directory has been created completely. */
export function hasCurrent(fs: FileSystem, directory: string): boolean {
  return fs.sizeOf(path.join(directory, currentName)) !== undefined;
}

function writeCurrent(fs: FileSystem, directory: string, number: number): void {
  const temporary = path.join(directory, currentTemporaryName);
  if (fs.sizeOf(temporary) !== undefined) fs.unlink(temporary);
  const handle = fs.create(temporary);
  try {
    const text = Buffer.from(`${manifestName(number)}\n`);
    writeFully(handle, text, { start: 0, end: text.length, position: 0 });
    // Without this a crash after the rename could leave CURRENT empty, as happened to LevelDB on ext4.
    handle.sync();
  } finally {
    handle.close();
  }
  fs.rename(temporary, path.join(directory, currentName));
  // From here on the new manifest is the one; the old one may go.
  fs.syncDirectory(directory);
}

function readCurrent(fs: FileSystem, directory: string): number {
  const text = readWhole(fs, directory, currentName).toString("latin1");
  const match = /^MANIFEST-(\d{6,})\n$/.exec(text);
  if (match) return Number(match[1]);
  throw new BitcaskError(
    "CORRUPT_MANIFEST",
    "CURRENT does not name a manifest. Run `bitcask repair` on the directory.",
    {
      file: currentName,
      offset: 0,
    },
  );
}

function readWhole(fs: FileSystem, directory: string, file: string): Buffer {
  const size = fs.sizeOf(path.join(directory, file));
  if (size === undefined) {
    throw new BitcaskError(
      "CORRUPT_MANIFEST",
      `${file} is missing. Run \`bitcask repair\` on the directory.`,
      { file },
    );
  }
  const handle = fs.open(path.join(directory, file), "read");
  try {
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readFully(handle, bytes, { start: 0, length: size, position: 0 }));
  } finally {
    handle.close();
  }
}

function decodeManifestHeader(bytes: Buffer, file: string, readOnly: boolean): { storeId: Uint8Array } {
  try {
    const header = decodeFileHeader(bytes, { file, readOnly });
    if (header.kind === "manifest") return header;
  } catch (error) {
    if (error instanceof BitcaskError && error.code === "UNSUPPORTED_FORMAT") throw error;
  }
  throw damagedManifest(file, 0);
}

/**
 * Every edit is synced before the next is written, so a bad one with a good one behind it was not torn by a crash: it
 * was damaged later. Only the last edit can be torn.
 */
function hasLaterFrame(bytes: Buffer, seed: number, from: number): boolean {
  for (let offset = from + 1; offset < bytes.length; offset++) {
    if (decodeFrame(bytes, { fileSeed: seed, offset })) return true;
  }
  return false;
}

function damagedManifest(file: string, offset: number): BitcaskError {
  return new BitcaskError(
    "CORRUPT_MANIFEST",
    `${file} is damaged at byte ${offset}. Nothing has been changed; run \`bitcask repair\` on the directory.`,
    { file, offset },
  );
}
