/**
 * Everything the engine asks of a file system. Production code gets {@link nodeFileSystem}; tests get one in memory
 * that can fail or lose power at any call. Nothing else in this package may import `node:fs`.
 *
 * Most calls are synchronous on purpose: they work on the page cache or happen once per file. The two that wait for
 * a disk on the way of every request, reading and syncing, also exist in an asynchronous form.
 */
export interface FileSystem {
  /** Opens an existing file. `read` never changes it; `write` may. */
  open(path: string, access: "read" | "write"): FileHandle;
  /** Creates a file that must not exist yet, for reading and writing. */
  create(path: string): FileHandle;
  /** Names inside a directory, unsorted; `undefined` when the directory does not exist. */
  list(directory: string): string[] | undefined;
  /** Creates a directory and its parents; returns whether anything was created. */
  makeDirectory(directory: string): boolean;
  /** Size in bytes, or `undefined` when there is no such file. */
  sizeOf(path: string): number | undefined;
  /** Replaces `to` atomically. Durable only after {@link FileSystem.syncDirectory}. */
  rename(from: string, to: string): void;
  /** A second name for the same file. Throws `EXDEV` across devices. */
  link(existing: string, name: string): void;
  /** Removes a name. A file that is still open stays readable. */
  unlink(path: string): void;
  /** Makes the names in a directory (created, renamed, removed) survive power loss. */
  syncDirectory(directory: string): void;
  /** Takes the one writer's lock of a directory; throws `LOCKED` when another process or instance holds it. */
  lock(directory: string): Promise<DirectoryLock>;
}

/** One open file. Positions are explicit, so one handle serves any number of readers. */
export interface FileHandle {
  /** Reads up to `length` bytes into `target` at `start`; returns how many, 0 at the end of the file. */
  read(target: Uint8Array, start: number, length: number, position: number): number;
  readAsync(target: Uint8Array, start: number, length: number, position: number): Promise<number>;
  /** Writes up to `length` bytes; returns how many were taken. May be short: see {@link writeFully}. */
  write(source: Uint8Array, start: number, length: number, position: number): number;
  /** Makes written data, and the size needed to read it back, survive power loss (fdatasync). Blocks. */
  sync(): void;
  /** The same without blocking the event loop. */
  syncAsync(): Promise<void>;
  truncate(size: number): void;
  size(): number;
  close(): void;
}

/** Held by the one writer of a store. */
export interface DirectoryLock {
  release(): Promise<void>;
}

/** Completes short writes; a write that takes nothing is an error, or the loop would never end. */
export function writeFully(
  file: FileHandle,
  bytes: Uint8Array,
  range: { start: number; end: number; position: number },
): void {
  let { start, position } = range;
  while (start < range.end) {
    const written = file.write(bytes, start, range.end - start, position);
    if (written <= 0) throw new Error("the file system accepted no bytes of a write");
    start += written;
    position += written;
  }
}

/** Reads until `length` bytes are there or the file ends; returns how many were read. */
export function readFully(
  file: FileHandle,
  target: Uint8Array,
  range: { start: number; length: number; position: number },
): number {
  let done = 0;
  while (done < range.length) {
    const read = file.read(target, range.start + done, range.length - done, range.position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

/** {@link readFully} without blocking the event loop. */
export async function readFullyAsync(
  file: FileHandle,
  target: Uint8Array,
  range: { start: number; length: number; position: number },
): Promise<number> {
  let done = 0;
  while (done < range.length) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- a short read says where the next one starts
    const read = await file.readAsync(target, range.start + done, range.length - done, range.position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}
