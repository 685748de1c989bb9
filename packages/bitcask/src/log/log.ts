import { BitcaskError } from "../errors.ts";
import type { EventHub } from "../events.ts";
import { encodeFileHeader, fileHeaderBytes, seedOf } from "../format/file-header.ts";
import { dataName } from "../format/file-names.ts";
import type { LogPosition } from "../format/mark.ts";
import type { ManifestOperation } from "../format/manifest-edit.ts";
import { writeFully } from "../fs/file-system.ts";
import {
  backgroundSyncBytes,
  firstPreallocateBytes,
  maxSeq,
  preallocateBytes,
  preallocateGroupBytes,
} from "../limits.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { DataFile } from "./data-file.ts";
import type { FileTable } from "./file-table.ts";
import { HintWriter, newSalt } from "./hint-writer.ts";
import { LogFile } from "./log-file.ts";
import { LogFailure } from "./log-failure.ts";
import { SyncTimes } from "./sync-times.ts";
import type { WriteGroup } from "./write-group.ts";

/** A place in the log with what was written last before it. */
export interface LogPoint extends LogPosition {
  readonly seq: number;
  /** Commit metadata of the last batch before it that carried any. */
  readonly meta: Uint8Array | undefined;
}

/**
 * The append-only log: where groups are written, made durable, and continued in a new file when one is full.
 *
 * The log is one sequence of bytes spread over files in order of their ids. A sync makes a prefix of it durable: older
 * files first. So after power loss the log, cut at the first damage, is a prefix of what was written, and data and
 * commit metadata are of the same moment.
 */
export class Log {
  readonly table: FileTable;
  readonly manifest: Manifest;
  readonly failure: LogFailure;
  readonly syncTimes: SyncTimes = new SyncTimes();
  /** The file that is appended to. None until the first write after opening: a session never touches older files. */
  active: LogFile | undefined = undefined;
  /** Full files that are not sealed yet, oldest first. */
  readonly closing: LogFile[] = [];
  /** End of what was handed to the system, and end of what is known to be durable. */
  written: LogPoint;
  durable: LogPoint;
  /** Last sequence number given out. */
  lastSeq: number;
  /** Bytes handed to the system since the store was opened. */
  bytesWritten = 0;
  #nextFileId: number;
  #markedOffset = 0;
  #bytesAtLastSync = 0;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  readonly #maxFileBytes: number;
  readonly #events: EventHub;
  readonly #preallocate: boolean;
  readonly #onDurable: () => void;

  constructor(init: {
    table: FileTable;
    manifest: Manifest;
    events: EventHub;
    lastSeq: number;
    meta: Uint8Array | undefined;
    maxFileBytes: number;
    preallocate: boolean;
    /** Called whenever more of the log has become durable. */
    onDurable: () => void;
  }) {
    this.table = init.table;
    this.manifest = init.manifest;
    this.#events = init.events;
    this.failure = new LogFailure(init.events);
    this.lastSeq = init.lastSeq;
    this.#maxFileBytes = init.maxFileBytes;
    this.#preallocate = init.preallocate;
    this.#onDurable = init.onDurable;
    this.#nextFileId = init.manifest.state.nextFileId;
    this.written = { fileId: 0, offset: 0, seq: init.lastSeq, meta: init.meta };
    this.durable = this.written;
  }

  nextSeq(): number {
    if (this.lastSeq >= maxSeq)
      throw new BitcaskError("WRITES_STOPPED", "the store has used up its 2^48 sequence numbers");
    return ++this.lastSeq;
  }

  /** Ids are never reused, not even after a crash in the middle of a merge. */
  allocateFileId(): number {
    return this.#nextFileId++;
  }

  /** The file if it is still part of the log's moving end. */
  fileOf(fileId: number): LogFile | undefined {
    if (this.active?.file.fileId === fileId) return this.active;
    return this.closing.find((each) => each.file.fileId === fileId);
  }

  get hasUnsynced(): boolean {
    return this.written !== this.durable;
  }

  /** Hands a group to the system by one write call. Throws, with nothing of the group kept, if that fails. */
  write(group: WriteGroup): void {
    this.failure.refuseIfStopped(group.deletesOnly);
    const target = this.#fileWithRoomFor(group.length);
    const { file } = target;
    const position = file.size;
    const start = group.seal({ fileSeed: file.seed, offset: position, durable: this.#markFor(file) });
    const length = group.length - start;
    try {
      writeFully(this.table.handleOf(file), group.bytes, { start, end: group.length, position });
    } catch (error) {
      throw this.failure.writeFailed(this.table.handleOf(file), {
        file: file.name,
        goodSize: position,
        cause: error,
      });
    }
    // A mark about the file before says nothing yet about this one.
    if (start === 0 && this.durable.fileId === file.fileId) this.#markedOffset = this.durable.offset;
    file.size = position + length;
    this.bytesWritten += length;
    const meta = group.hasMeta ? group.meta : this.written.meta;
    this.written = { fileId: file.fileId, offset: file.size, seq: group.lastSeq, meta };
    group.written = { start, position: { fileId: file.fileId, offset: position } };
    if (group.needsSync) this.#preallocateAfter(target, length);
    else if (this.bytesWritten - this.#bytesAtLastSync > backgroundSyncBytes) this.syncInBackground();
  }

  /**
   * Resolves when everything written before the call is durable. Calls made while a sync is running share the next one.
   * A failed sync is never repeated: the kernel may have dropped the pages and would report success (fsyncgate).
   */
  sync(): Promise<void> {
    if (this.failure.syncError) return Promise.reject(this.failure.syncError);
    if (!this.hasUnsynced) return this.#running ?? Promise.resolve();
    if (!this.#running) return this.#start();
    this.#next ??= this.#running.then(() => this.#start());
    return this.#next;
  }

  /** For those who do not wait: a failure is recorded here and met by the next write. */
  syncInBackground(): void {
    this.sync().catch(() => undefined);
  }

  /** Continues the log in a new file. Blocks for a few syncs; happens once per file. */
  rotate(): LogFile {
    const next = this.#createFile();
    const old = this.active;
    this.active = next;
    if (old) {
      this.#dropPreallocation(old);
      this.closing.push(old);
      // Its bytes become durable now rather than at the next sync, so that it can be sealed.
      this.syncInBackground();
    }
    return next;
  }

  /** Ends the active file without starting another; the next write will. */
  endActive(): void {
    const { active } = this;
    if (!active) return;
    this.#dropPreallocation(active);
    this.active = undefined;
    this.closing.push(active);
  }

  /** After a write error that was not about durability (a full disk): goes on in a new file. */
  resume(): void {
    this.failure.clear();
    this.endActive();
  }

  #start(): Promise<void> {
    this.#next = undefined;
    const running = this.#syncNow().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #syncNow(): Promise<void> {
    if (this.failure.syncError) throw this.failure.syncError;
    const target = this.written;
    this.#bytesAtLastSync = this.bytesWritten;
    const startedAt = performance.now();
    for (const { file } of [...this.closing, ...(this.active ? [this.active] : [])]) {
      const isBehind =
        file.fileId > this.durable.fileId ||
        (file.fileId === this.durable.fileId && file.size > this.durable.offset);
      if (!isBehind || file.fileId > target.fileId) continue;
      try {
        // The sync that acknowledged writes wait for. Older files first, so that what is durable is always a prefix.
        // oxlint-disable-next-line eslint/no-await-in-loop -- the order is the point
        await this.table.handleOf(file).syncAsync();
      } catch (error) {
        throw this.failure.syncFailed(file.name, error);
      }
    }
    this.syncTimes.record(performance.now() - startedAt);
    this.durable = target;
    this.#onDurable();
  }

  #fileWithRoomFor(bytes: number): LogFile {
    const { active } = this;
    if (!active) return this.rotate();
    if (active.file.size + bytes <= this.#maxFileBytes || active.file.size === fileHeaderBytes) return active;
    return this.rotate();
  }

  /** A mark is due when more has become durable since the last one. */
  #markFor(file: DataFile): LogPoint | undefined {
    const { durable } = this;
    if (durable.fileId === file.fileId) return durable.offset > this.#markedOffset ? durable : undefined;
    // First group of a file: worth a mark if everything before it is durable.
    return file.size === fileHeaderBytes && durable === this.written && durable.fileId > 0
      ? durable
      : undefined;
  }

  #createFile(): LogFile {
    const fileId = this.allocateFileId();
    const name = dataName(fileId);
    const salt = newSalt();
    const header = encodeFileHeader({
      kind: "log",
      storeId: this.manifest.storeId,
      fileId,
      salt,
      createdAtMs: Date.now(),
    });
    const file = new DataFile({ fileId, kind: "log", salt, seed: seedOf(header), size: header.length });
    try {
      file.handle = this.table.fs.create(this.table.pathOf(name));
      writeFully(file.handle, header, { start: 0, end: header.length, position: 0 });
      // Header and name must be durable before the manifest may list the file.
      file.handle.sync();
      this.table.fs.syncDirectory(this.table.directory);
      // Where the files before it end is said here, because their size alone does not tell: zeros may lie behind it.
      this.manifest.commit([...this.#undeclaredEnds(), { op: "add", fileId, kind: "log", salt }]);
    } catch (error) {
      file.handle?.close();
      file.handle = undefined;
      const failure = this.failure.rotationFailed(name, error);
      if (!this.failure.syncError) this.table.removeNames(name);
      throw failure;
    }
    this.table.add(file);
    this.#markedOffset = 0;
    this.#events.emit({ type: "rotated", fileId });
    return new LogFile(file, new HintWriter(this.table, file, this.manifest.storeId));
  }

  /**
   * Writes zeros ahead of the end, so that the next syncs find the blocks allocated and the file's size unchanged and
   * need not wait for the file system's journal: a quarter less time per sync here. Recovery reads zeros as the end.
   */
  #preallocateAfter(target: LogFile, groupBytes: number): void {
    const { file } = target;
    if (
      !this.#preallocate ||
      groupBytes > preallocateGroupBytes ||
      file.size + groupBytes < target.preallocatedTo
    )
      return;
    // Never more zeros than the file has bytes of records, so that a store of a few keys stays a small file.
    const aheadBytes = Math.min(preallocateBytes, Math.max(firstPreallocateBytes, file.size));
    const end = Math.min(file.size + aheadBytes, this.#maxFileBytes);
    if (end - file.size < groupBytes) return;
    try {
      writeFully(this.table.handleOf(file), zeros, { start: 0, end: end - file.size, position: file.size });
      target.preallocatedTo = end;
    } catch {
      // Only an optimisation: a disk too full for zeros may still have room for records.
    }
  }

  #undeclaredEnds(): ManifestOperation[] {
    const files = [...this.closing, ...(this.active ? [this.active] : [])].map((each) => each.file);
    return files
      .filter((file) => this.manifest.state.files.get(file.fileId)?.end === undefined)
      .map((file) => ({ op: "end", fileId: file.fileId, size: file.size }));
  }

  #dropPreallocation(target: LogFile): void {
    if (target.preallocatedTo <= target.file.size) return;
    try {
      this.table.handleOf(target.file).truncate(target.file.size);
    } catch {
      // The zeros cost space, not correctness: readers go by the sealed size.
    }
  }
}

const zeros: Buffer = Buffer.alloc(preallocateBytes);
