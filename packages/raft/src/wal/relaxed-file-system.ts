/**
 * The machine's file system for logs that give some durability away: what is reported durable is with the operating system,
 * which a crash of the process cannot take back and a power failure can.
 *
 * Raft promises nothing more than its log does. A node that forgets its newest entries, or its vote, in a power failure can
 * lose what a majority acknowledged, when other nodes fail at the same time. That is the trade, and whoever makes it
 * should know it.
 */
import fs from "node:fs";
import { promisify } from "node:util";
import type { FileSystem, LogFile, OpenMode } from "./file-system.ts";
import { nodeFileSystem } from "./node-file-system.ts";

const write = promisify(fs.write);
const fdatasync = promisify(fs.fdatasync);

/** How a relaxed file system writes. */
export interface RelaxedFileSystemOptions {
  /** What was written is made durable this often, in milliseconds. Absent: when the operating system likes. */
  readonly syncIntervalMs?: number;
  /** A file could not be made durable: what it holds may be lost, and nothing that is written to it can be trusted. */
  readonly onSyncFailure: (error: unknown) => void;
}

class RelaxedFile implements LogFile {
  readonly #durable: LogFile;
  readonly #descriptor: number;
  readonly #onClose: (file: RelaxedFile) => void;
  #dirty = false;
  #closed = false;

  constructor(durable: LogFile, descriptor: number, onClose: (file: RelaxedFile) => void) {
    this.#durable = durable;
    this.#descriptor = descriptor;
    this.#onClose = onClose;
  }

  size(): number {
    return this.#durable.size();
  }

  read(target: Uint8Array, position: number): number {
    return this.#durable.read(target, position);
  }

  preallocate(bytes: number): Promise<void> {
    return this.#durable.preallocate(bytes);
  }

  async writeDurably(bytes: Uint8Array, position: number): Promise<number> {
    this.#dirty = true;
    const { bytesWritten } = await write(this.#descriptor, bytes, 0, bytes.length, position);
    return bytesWritten;
  }

  sync(): Promise<void> {
    return this.#durable.sync();
  }

  /** Makes durable what was written since the last call. */
  async syncIfDirty(): Promise<void> {
    if (!this.#dirty || this.#closed) return;
    this.#dirty = false;
    await fdatasync(this.#descriptor);
  }

  close(): void {
    if (this.#closed) return;
    // What is closed cannot be synced any more; a clean stop loses nothing, whatever the interval.
    fs.fdatasyncSync(this.#descriptor);
    this.#closed = true;
    this.#onClose(this);
    fs.closeSync(this.#descriptor);
    this.#durable.close();
  }
}

/** Makes such a file system, for one log. */
export function relaxedFileSystem(options: RelaxedFileSystemOptions): FileSystem {
  const { syncIntervalMs, onSyncFailure } = options;
  const files = new Set<RelaxedFile>();
  let timer: NodeJS.Timeout | undefined;
  const syncAll = (): void => {
    for (const file of files) file.syncIfDirty().catch(onSyncFailure);
  };
  return {
    ...nodeFileSystem,
    open(path: string, mode: OpenMode): LogFile {
      const durable = nodeFileSystem.open(path, mode);
      if (mode === "read") return durable;
      // A second descriptor, since the first one makes every write durable.
      const file = new RelaxedFile(durable, fs.openSync(path, fs.constants.O_RDWR), (closed) => {
        files.delete(closed);
        if (files.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      });
      files.add(file);
      if (syncIntervalMs !== undefined) timer ??= setInterval(syncAll, syncIntervalMs).unref();
      return file;
    },
  };
}
