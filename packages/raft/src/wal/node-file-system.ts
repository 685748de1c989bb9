/**
 * The file system of the machine.
 *
 * A batch is made durable by one call on a descriptor opened with `O_DSYNC`, instead of a write followed by an
 * fdatasync: one trip to libuv's thread pool instead of two. Measured on a two-core virtual machine with ext4: 0.17
 * against 0.24 ms for 512 bytes, 0.20 against 0.30 ms for 64 KiB. The blocking variants are faster still for a single
 * caller (0.14 ms) but they stop the event loop, and with it every other group, for as long as the disk takes.
 *
 * `O_DSYNC` covers only the range it writes. The log therefore never relies on it to flush bytes written by anyone
 * else: what an earlier process left behind is made durable by `sync` when the log is opened.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { lockDirectory } from "./directory-lock.ts";
import type { DirectoryLock, FileSystem, LogFile, OpenMode } from "./file-system.ts";

const write = promisify(fs.write);
const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);
const openAsync = promisify(fs.open);
const closeAsync = promisify(fs.close);

/** Zeros are written in pieces of this size while a file is prepared. */
const preallocationChunkBytes = 1 << 20;

/** Linux alone is trusted with `O_DSYNC`; elsewhere Node's fdatasync does more (on macOS it flushes the drive). */
const dsync: number = process.platform === "linux" ? (fs.constants.O_DSYNC ?? 0) : 0;

const openFlags: Readonly<Record<OpenMode, number>> = {
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_TRUNC | dsync,
  write: fs.constants.O_RDWR | dsync,
  read: fs.constants.O_RDONLY,
};

/** A file on the machine's disk. */
class NodeFile implements LogFile {
  readonly #descriptor: number;
  readonly #writesAreDurable: boolean;

  constructor(descriptor: number, writesAreDurable: boolean) {
    this.#descriptor = descriptor;
    this.#writesAreDurable = writesAreDurable;
  }

  size(): number {
    return fs.fstatSync(this.#descriptor).size;
  }

  read(target: Uint8Array, position: number): number {
    let done = 0;
    while (done < target.length) {
      const count = fs.readSync(this.#descriptor, target, done, target.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  async preallocate(bytes: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(bytes, preallocationChunkBytes));
    for (let position = 0; position < bytes;) {
      const { bytesWritten } = await write(
        this.#descriptor,
        zeros,
        0,
        Math.min(zeros.length, bytes - position),
        position,
      );
      position += bytesWritten;
    }
    // The size and the extents are metadata, which fdatasync may leave out.
    await fsync(this.#descriptor);
  }

  async writeDurably(bytes: Uint8Array, position: number): Promise<number> {
    const { bytesWritten } = await write(this.#descriptor, bytes, 0, bytes.length, position);
    if (!this.#writesAreDurable) await fdatasync(this.#descriptor);
    return bytesWritten;
  }

  async sync(): Promise<void> {
    await fsync(this.#descriptor);
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

/** The file system of the machine, through `node:fs`. */
export const nodeFileSystem: FileSystem = {
  async makeDirectory(path: string): Promise<void> {
    const first = fs.mkdirSync(path, { recursive: true });
    if (first === undefined) return;
    // Each new name lives in its parent: sync them from the deepest one up to where the first directory was made.
    for (let child = path; ; child = join(child, "..")) {
      await syncDirectory(join(child, ".."));
      if (join(child) === join(first) || join(child, "..") === child) break;
    }
  },

  list(directory: string): string[] {
    return fs.readdirSync(directory);
  },

  open(path: string, mode: OpenMode): LogFile {
    return new NodeFile(fs.openSync(path, openFlags[mode], 0o600), dsync !== 0);
  },

  rename(from: string, to: string): void {
    fs.renameSync(from, to);
  },

  remove(path: string): void {
    fs.unlinkSync(path);
  },

  syncDirectory,

  lock(directory: string): Promise<DirectoryLock> {
    return lockDirectory(directory);
  },
};

async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot open a directory; its file systems journal names by themselves.
  if (process.platform === "win32") return;
  const descriptor = await openAsync(directory, "r");
  try {
    await fsync(descriptor);
  } finally {
    await closeAsync(descriptor);
  }
}
