/**
 * One durable log for all the groups of a node.
 *
 * A disk makes a few thousand writes durable in a second, whatever their size up to a point; a node with a hundred
 * groups has far more to write. So no group gets a write of its own: while one batch is on its way to the disk,
 * everything that is handed over gathers in the next one. Under load the batches grow and the number of writes stays.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { LogReader } from "../core/log-reader.ts";
import { RaftError } from "../core/raft-error.ts";
import type { LogStorage, LogWrite } from "../host/log-storage.ts";
import { describeDamage, type TornTail } from "./damage.ts";
import { EntryCache } from "./entry-cache.ts";
import type { DirectoryLock, FileSystem } from "./file-system.ts";
import { logIdBytes, maxSegmentBytes, segmentHeaderBytes } from "./format.ts";
import type { GroupLog } from "./group-log.ts";
import { GroupReader } from "./group-reader.ts";
import { LogState } from "./log-state.ts";
import { LogTail } from "./log-tail.ts";
import { nodeFileSystem } from "./node-file-system.ts";
import { replay, type ReplayResult } from "./replay.ts";
import { pinningGroups } from "./rewrite-plan.ts";
import type { Segment } from "./segment.ts";
import { SegmentPool, temporarySuffix } from "./segment-pool.ts";
import { checkWrites } from "./write-check.ts";
import { writeFully } from "./write-fully.ts";

/** How a log is opened. */
export interface FileLogOptions {
  /** Where the files are. Created when missing. */
  readonly directory: string;
  /** Size of a segment's file. Default 16 MiB. A batch that is larger gets a segment of its own size. */
  readonly segmentBytes?: number;
  /** Memory for the newest entries of all groups, which are then not read from the disk. Default 64 MiB. */
  readonly cacheBytes?: number;
  /**
   * What to do when something that was durable is damaged. `refuse` (default): do not open. `quarantine`: open
   * without the groups that are affected, if it can be told which; see `FileLog.damaged`.
   */
  readonly onDamage?: "refuse" | "quarantine";
  /** Default: the machine's. */
  readonly fileSystem?: FileSystem;
  /** Milliseconds on a clock that never goes back. Default `performance.now`. */
  readonly now?: () => number;
  /** Returns that many random bytes, never the same twice. Default `crypto.randomBytes`. */
  readonly random?: (count: number) => Uint8Array;
  /** Waits before a full disk is tried again. Default a quarter of a second. */
  readonly retryDelay?: () => Promise<void>;
}

/** How the log is doing. */
export interface FileLogStatus {
  /** Segments in use, and their size together. */
  readonly segments: number;
  readonly bytes: number;
  /** Batches and bytes written since the log was opened. */
  readonly batches: number;
  readonly writtenBytes: number;
  /** Bytes handed over and not yet on their way to the disk. */
  readonly stagedBytes: number;
  /** Memory in use for the newest entries. */
  readonly cachedBytes: number;
  /** Whether writes wait for space on the disk. */
  readonly diskFull: boolean;
  /** Why nothing can be written any more; undefined when all is well. */
  readonly failure: RaftError | undefined;
  /** What the last process left unfinished; never anything that was reported durable. */
  readonly tornTail: TornTail | undefined;
}

const defaultSegmentBytes = 16 << 20;
const minSegmentBytes = 16 << 10;
const defaultCacheBytes = 64 << 20;
const fullDiskRetryMs = 250;

/** With more segments than this, groups are asked to make room. */
const segmentsBeforePinning = 3;

/** The log of a node, in files. */
export class FileLog implements LogStorage {
  readonly #state: LogState;
  readonly #tail: LogTail;
  readonly #lock: DirectoryLock;
  readonly #now: () => number;
  readonly #tornTail: TornTail | undefined;
  #appends = 0;
  #closing: Promise<void> | undefined;

  private constructor(parts: {
    readonly state: LogState;
    readonly tail: LogTail;
    readonly lock: DirectoryLock;
    readonly now: () => number;
    readonly tornTail: TornTail | undefined;
  }) {
    this.#state = parts.state;
    this.#tail = parts.tail;
    this.#lock = parts.lock;
    this.#now = parts.now;
    this.#tornTail = parts.tornTail;
  }

  /**
   * Opens the log in a directory, or begins one.
   * @throws RaftError `LOCKED` when it is open elsewhere; `CORRUPT` when something that was durable is damaged: its
   * `cause` is the list of `LogDamage`; `INVALID_ARGUMENT` for an impossible option.
   */
  static async open(options: FileLogOptions): Promise<FileLog> {
    const { directory, fileSystem = nodeFileSystem, segmentBytes = defaultSegmentBytes } = options;
    if (
      !Number.isSafeInteger(segmentBytes) ||
      segmentBytes < minSegmentBytes ||
      segmentBytes > maxSegmentBytes
    ) {
      const range = `an integer from ${minSegmentBytes} to ${maxSegmentBytes}`;
      throw new RaftError("INVALID_ARGUMENT", `segmentBytes is ${segmentBytes}; it must be ${range}`);
    }
    await fileSystem.makeDirectory(directory);
    const lock = await fileSystem.lock(directory);
    try {
      const now = options.now ?? (() => performance.now());
      const state = new LogState(new EntryCache(options.cacheBytes ?? defaultCacheBytes));
      const found = recover(fileSystem, options, state);
      const tail = await makeTail(found, { ...options, fileSystem, segmentBytes, now, state });
      return new FileLog({ state, tail, lock, now, tornTail: found.tornTail });
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  groups(): number[] {
    const existing: number[] = [];
    for (const log of this.#state.all()) if (log.exists && log.damage === undefined) existing.push(log.group);
    return existing.toSorted((one, other) => one - other);
  }

  /** Groups that lost something which was durable, and what. Nothing of them can be read; they can be removed. */
  damaged(): { readonly group: number; readonly problem: string }[] {
    const damaged: { group: number; problem: string }[] = [];
    for (const { group, damage } of this.#state.all()) {
      if (damage !== undefined) damaged.push({ group, problem: damage });
    }
    return damaged.toSorted((one, other) => one.group - other.group);
  }

  reader(group: number): LogReader {
    return new GroupReader(() => this.#readable(group), this.#state.cache);
  }

  async append(batch: readonly LogWrite[], options: { readonly sync?: boolean } = {}): Promise<void> {
    const sync = options.sync ?? true;
    if (this.#closing !== undefined) throw new RaftError("CLOSED", "the log is closed");
    this.#appends += 1;
    checkWrites(this.#state, batch, { append: this.#appends, sync });
    await this.#tail.append(batch, sync);
  }

  async flush(): Promise<void> {
    if (this.#closing !== undefined) throw new RaftError("CLOSED", "the log is closed");
    await this.#tail.flush();
  }

  oldestPendingMs(): number {
    const since = this.#tail.oldestPendingSince;
    return since === undefined ? 0 : Math.max(0, this.#now() - since);
  }

  pinning(): { readonly group: number; readonly bytes: number }[] {
    const [oldest] = this.#tail.segments;
    if (oldest === undefined || this.#tail.segments.length <= segmentsBeforePinning) return [];
    return pinningGroups(this.#state, oldest);
  }

  /** How the log is doing. */
  status(): FileLogStatus {
    const { segments, batches, writtenBytes, stagedBytes, diskFull, failure } = this.#tail;
    return {
      segments: segments.length,
      bytes: segments.reduce((total, segment) => total + segment.bytes, 0),
      batches,
      writtenBytes,
      stagedBytes,
      cachedBytes: this.#state.cache.bytes,
      diskFull,
      failure,
      tornTail: this.#tornTail,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#tail.stopRetrying();
    try {
      await this.#tail.flush();
    } catch {
      // Whoever waited for a write was told; closing has to succeed whatever the disk does.
    }
    await this.#tail.close();
    await this.#lock.release();
  }

  #readable(group: number): GroupLog {
    if (this.#closing !== undefined) throw new RaftError("CLOSED", "the log is closed");
    if (this.#state.removed.has(group)) {
      throw new RaftError("INVALID_ARGUMENT", `group ${group} was removed from this log`);
    }
    const log = this.#state.group(group);
    if (log.damage !== undefined)
      throw new RaftError("CORRUPT", `group ${group} is quarantined: ${log.damage}`);
    return log;
  }
}

/** Reads what is there into `state`. @throws RaftError `CORRUPT` */
function recover(fileSystem: FileSystem, options: FileLogOptions, state: LogState): ReplayResult {
  const { directory } = options;
  for (const name of fileSystem.list(directory)) {
    if (name.endsWith(temporarySuffix)) fileSystem.remove(join(directory, name));
  }
  const visitor = { record: state.replay.bind(state) };
  const found = replay(fileSystem, directory, { mode: "write", visitor });
  // What only groups lost that were removed since is nobody's loss any more.
  const damage = [...found.damage, ...state.finishReplay()].filter(
    ({ groups = [] }) => groups.length === 0 || !groups.every((group) => state.removed.has(group)),
  );
  const attributable = damage.every(({ groups }) => groups !== undefined);
  if (damage.length > 0 && (options.onDamage !== "quarantine" || !attributable)) {
    for (const segment of [...found.segments, ...found.surplus]) segment.file.close();
    const list = damage.map(describeDamage).join("; ");
    throw new RaftError(
      "CORRUPT",
      `the log in ${directory} is damaged and was not opened: ${list}. Replace this node's replicas, or restore the files`,
      { cause: damage },
    );
  }
  for (const { groups = [], problem } of damage) for (const group of groups) state.quarantine(group, problem);
  return found;
}

/**
 * A process that was killed may have left a whole batch that was not durable yet. This one takes its word for it, so it has
 * to be durable before anybody is told. A sync alone would not do: if the write was what failed, the system takes its
 * pages for clean, shows them, and never writes them. Nor would the batch alone, if the process wrote without durability
 * (see `relaxedFileSystem`).
 */
async function writeNewestAgain(present: Segment, { newestBatch, end }: ReplayResult): Promise<void> {
  await present.file.sync();
  if (newestBatch === undefined) return;
  const bytes = new Uint8Array(end.offset - newestBatch);
  present.file.read(bytes, newestBatch);
  await writeFully(present.file, bytes, newestBatch);
}

async function makeTail(
  found: ReplayResult,
  options: FileLogOptions & {
    readonly fileSystem: FileSystem;
    readonly segmentBytes: number;
    readonly now: () => number;
    readonly state: LogState;
  },
): Promise<LogTail> {
  const { directory, fileSystem, segmentBytes, now, state } = options;
  const random = options.random ?? randomBytes;
  const logId = found.segments[0]?.header.logId ?? random(logIdBytes);
  const pool = new SegmentPool({ fileSystem, directory, segmentBytes, logId, random });
  const inUse = found.segments.slice(0, found.end.segment + 1);
  const [prepared, ...unexpected] = found.segments.slice(inUse.length);
  if (prepared !== undefined) pool.offer(prepared);
  await pool.recycle([...found.surplus, ...unexpected]);
  const present = inUse.at(-1);
  if (present === undefined) inUse.push(await pool.take(1, segmentBytes));
  else await writeNewestAgain(present, found);
  await fileSystem.syncDirectory(directory);
  const retryDelay =
    options.retryDelay ?? (() => new Promise((resolve) => setTimeout(resolve, fullDiskRetryMs)));
  const { offset, expected } = found.end;
  const tail = { state, pool, segments: inUse, expected, segmentBytes, now, retryDelay };
  return new LogTail({ ...tail, offset: present === undefined ? segmentHeaderBytes : offset });
}
