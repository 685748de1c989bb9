import path from "node:path";
import { BitcaskError, systemCodeOf, wrapSystemError } from "../errors.ts";
import type { FileHandle, FileSystem } from "../fs/file-system.ts";
import type { DataFile } from "./data-file.ts";

/**
 * The data files of an open store, and their descriptors.
 *
 * A large store has more files than a process may have descriptors, so sealed files are opened when they are read and
 * the least recently used one is closed when there are too many, or when the system says EMFILE.
 */
export class FileTable {
  readonly fs: FileSystem;
  readonly directory: string;
  readonly #maxOpen: number;
  readonly #files: Map<number, DataFile> = new Map();
  #open = 0;
  #tick = 0;

  constructor(fs: FileSystem, directory: string, options: { maxOpenFiles: number }) {
    this.fs = fs;
    this.directory = directory;
    this.#maxOpen = options.maxOpenFiles;
  }

  get size(): number {
    return this.#files.size;
  }

  /** Descriptors held for data files. */
  get openCount(): number {
    return this.#open;
  }

  add(file: DataFile): void {
    this.#files.set(file.fileId, file);
    if (file.handle) this.#open++;
  }

  get(fileId: number): DataFile | undefined {
    return this.#files.get(fileId);
  }

  /** The file a keydir entry names. A missing one means that the entry outlived its file, which must not happen. */
  require(fileId: number): DataFile {
    const file = this.#files.get(fileId);
    if (file) return file;
    throw new BitcaskError(
      "MISSING_FILE",
      `no data file has id ${fileId}. Run \`bitcask verify\` on the directory.`,
    );
  }

  values(): MapIterator<DataFile> {
    return this.#files.values();
  }

  pathOf(name: string): string {
    return path.join(this.directory, name);
  }

  /**
   * Removes names that nothing refers to any more. Failing changes nothing for the running store, and the next open
   * removes what the manifest does not list, so it is not an error.
   */
  removeNames(...names: readonly string[]): void {
    for (const name of names) {
      try {
        if (this.fs.sizeOf(this.pathOf(name)) !== undefined) this.fs.unlink(this.pathOf(name));
      } catch {
        // Left for the next open.
      }
    }
  }

  /** The file's descriptor, opened if need be. It stays open at least until the next call. */
  handleOf(file: DataFile): FileHandle {
    file.usedAt = ++this.#tick;
    return file.handle ?? this.#openFile(file);
  }

  /** An asynchronous read has ended; closes a file that was dropped meanwhile. */
  readDone(file: DataFile): void {
    file.readsInFlight--;
    if (file.readsInFlight === 0 && this.#files.get(file.fileId) !== file) this.#close(file);
  }

  /** Closes the file and forgets it; its name in the directory is the caller's business. */
  drop(file: DataFile): void {
    this.#files.delete(file.fileId);
    if (file.readsInFlight === 0) this.#close(file);
  }

  closeAll(): void {
    for (const file of this.#files.values()) this.drop(file);
  }

  #openFile(file: DataFile): FileHandle {
    if (this.#open >= this.#maxOpen) this.#closeOldest();
    for (;;) {
      try {
        file.handle = this.fs.open(this.pathOf(file.name), "read");
        this.#open++;
        return file.handle;
      } catch (error) {
        // Somebody else in the process may have used up the descriptors; giving back one of ours is worth a try.
        if (systemCodeOf(error) === "EMFILE" && this.#closeOldest()) continue;
        if (systemCodeOf(error) === "ENOENT") {
          throw new BitcaskError(
            "MISSING_FILE",
            `${file.name} is missing. Run \`bitcask verify\` on the directory.`,
            {
              file: file.name,
              cause: error,
            },
          );
        }
        throw wrapSystemError(error, `opening ${file.name}`, { file: file.name });
      }
    }
  }

  /** Closes the least recently used file that can be opened again; false when there is none. */
  #closeOldest(): boolean {
    let oldest: DataFile | undefined;
    for (const file of this.#files.values()) {
      if (!file.handle || !file.sealed || file.readsInFlight > 0) continue;
      if (!oldest || file.usedAt < oldest.usedAt) oldest = file;
    }
    if (!oldest) return false;
    this.#close(oldest);
    return true;
  }

  #close(file: DataFile): void {
    if (!file.handle) return;
    file.handle.close();
    file.handle = undefined;
    this.#open--;
  }
}
