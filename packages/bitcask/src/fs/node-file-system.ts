import fs from "node:fs";
import { systemCodeOf } from "../errors.ts";
import { lockDirectory } from "./directory-lock.ts";
import type { FileHandle, FileSystem } from "./file-system.ts";

/** The file system of the machine. */
export const nodeFileSystem: FileSystem = {
  open: (path, access) => new NodeFileHandle(fs.openSync(path, access === "read" ? "r" : "r+")),
  create: (path) => new NodeFileHandle(fs.openSync(path, "wx+", 0o644)),
  list(directory) {
    try {
      return fs.readdirSync(directory);
    } catch (error) {
      if (systemCodeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  },
  makeDirectory: (directory) => fs.mkdirSync(directory, { recursive: true }) !== undefined,
  sizeOf: (path) => fs.statSync(path, { throwIfNoEntry: false })?.size,
  rename: (from, to) => fs.renameSync(from, to),
  link: (existing, name) => fs.linkSync(existing, name),
  unlink: (path) => fs.unlinkSync(path),
  syncDirectory(directory) {
    // Windows cannot open a directory, and NTFS journals its names: there is nothing to ask for.
    if (process.platform === "win32") return;
    const fd = fs.openSync(directory, "r");
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
  lock: lockDirectory,
};

class NodeFileHandle implements FileHandle {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  read(target: Uint8Array, start: number, length: number, position: number): number {
    return fs.readSync(this.#fd, target, start, length, position);
  }

  readAsync(target: Uint8Array, start: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#fd, target, start, length, position, (error, bytesRead) => {
        if (error) reject(error);
        else resolve(bytesRead);
      });
    });
  }

  write(source: Uint8Array, start: number, length: number, position: number): number {
    return fs.writeSync(this.#fd, source, start, length, position);
  }

  sync(): void {
    fs.fdatasyncSync(this.#fd);
  }

  syncAsync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#fd, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.#fd, size);
  }

  size(): number {
    return fs.fstatSync(this.#fd).size;
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}
