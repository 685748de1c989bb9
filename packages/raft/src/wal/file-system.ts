/**
 * What the log asks of a file system, and nothing more, so that a test or a simulator can stand in for it: every call
 * is a place where a process can die, a disk can fail or a write can be torn.
 *
 * Errors are Node's: an `Error` with a `code` such as `ENOSPC` or `EIO`.
 */
export interface FileSystem {
  /** Creates a directory and its parents when they are missing, and makes the names durable. */
  makeDirectory(path: string): Promise<void>;
  /** The names of the files in a directory, in any order. */
  list(directory: string): string[];
  /** Opens a file. */
  open(path: string, mode: OpenMode): LogFile;
  /** Gives a file another name. The new name survives a crash only after `syncDirectory`. */
  rename(from: string, to: string): void;
  /** Deletes a file. */
  remove(path: string): void;
  /** Makes created, renamed and deleted names in a directory survive a crash. */
  syncDirectory(directory: string): Promise<void>;
  /**
   * Keeps every other process out of a directory until released or dead.
   * @throws RaftError `LOCKED` when another process holds it.
   */
  lock(directory: string): Promise<DirectoryLock>;
}

/**
 * - `create`: the file is made, or emptied if there is one, and is read and written;
 * - `write`: it must exist, and is read and written;
 * - `read`: it must exist, and is not changed.
 */
export type OpenMode = "create" | "write" | "read";

/** An open file. */
export interface LogFile {
  /** The size in bytes. */
  size(): number;
  /**
   * Fills `target` from `position` and returns how many bytes were there; less than asked only at the end of the
   * file. `target` belongs to the caller.
   */
  read(target: Uint8Array, position: number): number;
  /**
   * Makes the file `bytes` long and filled with zeros, and makes that durable. Zeros are really written: a later
   * write then changes neither the file's size nor its extents, so that syncing it touches no metadata.
   */
  preallocate(bytes: number): Promise<void>;
  /**
   * Writes and makes durable: when it resolves with `n`, the first `n` bytes are on the disk. `n` may be less than
   * asked. The caller leaves `bytes` alone until then.
   */
  writeDurably(bytes: Uint8Array, position: number): Promise<number>;
  /** Makes everything written so far durable, also by an earlier process that was killed before it could. */
  sync(): Promise<void>;
  /** Lets go of the file; nothing is made durable by it. */
  close(): void;
}

/** A held lock. */
export interface DirectoryLock {
  release(): Promise<void>;
}
