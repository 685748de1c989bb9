import { makeCheckpoint } from "./backup/checkpoint.ts";
import { exportStore } from "./backup/export.ts";
import { importStore } from "./backup/import.ts";
import { BitcaskError } from "./errors.ts";
import { EventHub, type BitcaskListener, type MergeResult } from "./events.ts";
import { Merger, type MergeOptions } from "./merge/merger.ts";
import { resolveOptions, type OpenOptions, type ResolvedOptions } from "./options.ts";
import type { Entry } from "./read/reader.ts";
import { Snapshot, type ScanEntry, type ScanOptions } from "./read/snapshot.ts";
import { collectStats, type BitcaskStats } from "./stats.ts";
import { closeStore, openStore, type Store } from "./store.ts";
import type {
  BatchOperation,
  BatchOptions,
  ClearRange,
  DeleteOptions,
  PutOptions,
} from "./write/operations.ts";
import { writeValueStream } from "./write/value-stream.ts";

/**
 * An embedded key-value store: an append-only log on disk and an index of all keys in memory.
 *
 * A write is visible to reads from the moment its promise resolves. With the default durability it is then also safe from
 * power loss. Values returned are the caller's to keep and change.
 */
export class Bitcask implements AsyncDisposable {
  readonly directory: string;
  readonly #options: ResolvedOptions;
  readonly #events: EventHub;
  readonly #snapshots: Set<Snapshot> = new Set();
  #store: Store;
  #merger: Merger | undefined;
  #status: "open" | "closing" | "closed" = "open";
  #syncTimer: NodeJS.Timeout | undefined;

  private constructor(store: Store) {
    this.#store = store;
    this.directory = store.directory;
    this.#options = store.options;
    this.#events = store.events;
    if (store.options.readOnly) return;
    this.#merger = new Merger(store);
    if (store.options.durability === "interval") this.#startSyncTimer();
  }

  /**
   * Opens the store in `directory`, making it if there is none, and recovers it if it was not closed.
   *
   * Fails with DIRECTORY_MISSING, NOT_A_STORE, LOCKED, CORRUPT, CORRUPT_MANIFEST, MISSING_FILE, UNSUPPORTED_FORMAT,
   * READ_ONLY_FILE_SYSTEM, TOO_MANY_OPEN_FILES or IO_ERROR. `onEvent` hears what happens during opening, too.
   */
  static async open(
    directory: string,
    options: OpenOptions & { readonly onEvent?: BitcaskListener } = {},
  ): Promise<Bitcask> {
    const resolved = resolveOptions(options);
    const events = new EventHub();
    if (options.onEvent) events.subscribe(options.onEvent);
    return new Bitcask(await openStore(directory, resolved, events));
  }

  /** `open` until `close()` is called, `closed` when it is done. */
  get status(): "open" | "closing" | "closed" {
    return this.#status;
  }

  /** Number of keys, including those that have expired but were not merged away yet. */
  get size(): number {
    return this.#open().state.keydir.size;
  }

  /** The value, or `undefined` if the key is absent or expired. Does not block. CORRUPT if its record is damaged. */
  async get(key: string | Uint8Array): Promise<Buffer | undefined> {
    return this.#open().reader.get(key);
  }

  /** The same with one blocking read, which for data in the page cache takes about a microsecond: the fastest way. */
  getSync(key: string | Uint8Array): Buffer | undefined {
    return this.#open().reader.getSync(key);
  }

  /** Value, version and expiry. */
  async getEntry(key: string | Uint8Array): Promise<Entry | undefined> {
    return this.#open().reader.getEntry(key);
  }

  getEntrySync(key: string | Uint8Array): Entry | undefined {
    return this.#open().reader.getEntrySync(key);
  }

  /** One answer per key, in the order of the keys. */
  async getMany(keys: readonly (string | Uint8Array)[]): Promise<(Buffer | undefined)[]> {
    const { reader } = this.#open();
    return Promise.all(keys.map((key) => reader.get(key)));
  }

  /**
   * When a key expires, in milliseconds since the epoch of the store's clock: 0 for never, -1 if there is no such key. Reads
   * nothing from the disk (in fingerprint mode: the records that look like the key's).
   */
  expiryOf(key: string | Uint8Array): number {
    return this.#open().reader.expiryOf(key);
  }

  /** Whether the key is there and has not expired. Looks at memory only, except with a fingerprint keydir. */
  has(key: string | Uint8Array): boolean {
    return this.#open().reader.has(key);
  }

  /**
   * Stores a value. Resolves when it is as durable as the store's `durability` or `options.sync` asks for.
   *
   * All puts of a turn of the event loop, and all that arrive while a sync is running, share one write and one sync.
   * Fails with KEY_TOO_LARGE, VALUE_TOO_LARGE, CONDITION_FAILED, BUSY, NO_SPACE, IO_ERROR (all `not-applied`),
   * SYNC_FAILED (`unknown`) or WRITES_STOPPED.
   */
  put(key: string | Uint8Array, value: string | Uint8Array, options?: PutOptions): Promise<void> {
    try {
      return this.#writable().writer.put(key, value, options);
    } catch (error) {
      return this.#rejected(error);
    }
  }

  /** Removes a key; no error if it is not there. Still possible when the disk is full. */
  del(key: string | Uint8Array, options?: DeleteOptions): Promise<void> {
    try {
      return this.#writable().writer.del(key, options);
    } catch (error) {
      return this.#rejected(error);
    }
  }

  /** Does all operations or, whatever happens, none. CONDITION_FAILED if any condition does not hold before the batch. */
  batch(operations: readonly BatchOperation[], options: BatchOptions = {}): Promise<void> {
    try {
      return this.#writable().writer.batch(operations, options);
    } catch (error) {
      return this.#rejected(error);
    }
  }

  /**
   * An atomic batch by one blocking write call. On return it is visible and with the operating system: a crash of the
   * process cannot lose it, power loss can until `flush()` has resolved, and then data and `meta` go together.
   */
  batchSync(operations: readonly BatchOperation[], options: { readonly meta?: Uint8Array } = {}): void {
    this.#writable().writer.batchSync(operations, options);
  }

  /** Removes every key, or those in `[gte, lt)`, by writing one record. */
  clear(range: ClearRange = {}, options: { readonly sync?: boolean } = {}): Promise<void> {
    try {
      return this.#writable().writer.clear(range, options);
    } catch (error) {
      return this.#rejected(error);
    }
  }

  /** Stores a value that need not fit in memory. The key has its old value until all of the new one is there. */
  async putStream(
    key: string | Uint8Array,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options?: PutOptions,
  ): Promise<void> {
    await writeValueStream(this.#writable(), key, { source, options });
  }

  /** Reads a value in pieces of bounded size, as it was when reading began. Yields nothing if the key is absent. */
  getStream(key: string | Uint8Array): AsyncGenerator<Buffer, void> {
    return this.#open().reader.getStream(key);
  }

  /**
   * Makes every write submitted before it durable, and resolves with the commit metadata that is now known to be durable.
   */
  async flush(): Promise<Uint8Array | undefined> {
    const { commit, log } = this.#writable();
    const last = commit.lastPending;
    if (last) {
      last.needsSync = true;
      await last.done;
    }
    await log.sync();
    return log.durable.meta;
  }

  /** Metadata of the last visible batch that carried any. After a crash it is exactly as old as the data. */
  lastMeta(): Uint8Array | undefined {
    return this.#open().state.meta?.bytes;
  }

  /** The store as it is now, for consistent reading. Costs nothing to take; must be released. */
  snapshot(): Snapshot {
    const { state, records } = this.#open();
    const snapshot: Snapshot = new Snapshot({
      state,
      records,
      nowMs: this.#options.clock(),
      onRelease: (released) => this.#snapshots.delete(released),
    });
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  /** Keys as they are when the iteration starts. */
  async *keys(options?: ScanOptions): AsyncGenerator<Buffer, void> {
    using snapshot = this.snapshot();
    yield* snapshot.keys(options);
  }

  /** Keys and values as they are when the iteration starts. */
  async *entries(options?: ScanOptions): AsyncGenerator<ScanEntry, void> {
    using snapshot = this.snapshot();
    yield* snapshot.entries(options);
  }

  /** Values as they are when the iteration starts. */
  async *values(options?: ScanOptions): AsyncGenerator<Buffer, void> {
    using snapshot = this.snapshot();
    yield* snapshot.values(options);
  }

  /** After NO_SPACE or another failed write: tries to go on, in a new file. */
  resume(): void {
    const { log, events } = this.#writable();
    if (!log.failure.stopped) return;
    log.resume();
    events.emit({ type: "writesResumed" });
  }

  /**
   * Reclaims the space of overwritten, deleted and expired records while reads and writes go on. Without `force`, takes
   * the files that the merge policy finds worth it. Fails with CANCELLED, CORRUPT, NO_SPACE or IO_ERROR, and then
   * nothing has changed.
   */
  async merge(options?: MergeOptions): Promise<MergeResult> {
    this.#writable();
    return this.#merger!.merge(options);
  }

  /**
   * Makes a complete store in `directory`, which must be empty or missing: a state not older than the call, durable,
   * by hard links.
   * Writes go on meanwhile. The result can be opened, copied away, or kept: it shares no file that ever changes.
   */
  async checkpoint(directory: string): Promise<{ readonly files: number; readonly bytes: number }> {
    return makeCheckpoint(this.#writable(), directory);
  }

  /** The state at the moment reading begins as one stream of bytes, for {@link Bitcask.importStream}. Writes go on. */
  exportStream(): AsyncGenerator<Uint8Array, void> {
    return exportStore(this.#open(), { nowMs: this.#options.clock() });
  }

  /**
   * Fills the store from an export and makes it durable. The store must be empty (NOT_EMPTY), unless `replace` is set,
   * which clears it first. EXPORT_INVALID if the stream is damaged or cut; then the store holds a part of it, without
   * its commit metadata.
   */
  async importStream(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: { readonly replace?: boolean } = {},
  ): Promise<{ readonly records: number }> {
    const store = this.#writable();
    if (store.state.keydir.size > 0) {
      if (options.replace !== true) {
        throw new BitcaskError(
          "NOT_EMPTY",
          "the store is not empty; import into a new one, or pass { replace: true }",
        );
      }
      await this.clear();
    }
    return importStore(store, source);
  }

  /**
   * A read-only store only: looks again, and from then on shows what a writer has written since. Reads everything the
   * index needs once more. Snapshots taken before stay as they are.
   */
  async refresh(): Promise<void> {
    const old = this.#open();
    if (!this.#options.readOnly)
      throw new BitcaskError("INVALID_ARGUMENT", "only a store opened with { readOnly: true } is refreshed");
    this.#store = await openStore(this.directory, this.#options, this.#events);
    old.state.retirement.whenUnseen(() => {
      old.table.closeAll();
      old.manifest.close();
    });
  }

  stats(): BitcaskStats {
    return collectStats(this.#open(), this.#merger?.lastResult);
  }

  /** Calls `listener` for everything that happens from now on; returns how to stop that. */
  subscribe(listener: BitcaskListener): () => void {
    return this.#events.subscribe(listener);
  }

  /** Makes everything durable and lets go of files and lock. Snapshots end. Calling it again does nothing. */
  async close(): Promise<void> {
    if (this.#status !== "open") return;
    this.#status = "closing";
    clearInterval(this.#syncTimer);
    for (const snapshot of this.#snapshots) snapshot.release();
    await this.#merger?.stop();
    try {
      await closeStore(this.#store);
    } finally {
      this.#status = "closed";
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * A condition may have failed because of a write that is still on its way. The caller hears of it when that has landed:
   * whoever reads again and retries, in a loop, then reads the state it lost against, and does not spin.
   */
  async #rejected(error: unknown): Promise<never> {
    if (error instanceof BitcaskError && error.code === "CONDITION_FAILED") {
      await this.#store.commit.lastPendingSettled();
    }
    throw error;
  }

  #startSyncTimer(): void {
    this.#syncTimer = setInterval(() => this.#store.log.syncInBackground(), this.#options.syncIntervalMs);
    this.#syncTimer.unref();
  }

  #open(): Store {
    if (this.#status === "open") return this.#store;
    throw new BitcaskError("CLOSED", "the store is closed");
  }

  #writable(): Store {
    if (this.#options.readOnly)
      throw new BitcaskError("READ_ONLY", "the store was opened with { readOnly: true }");
    return this.#open();
  }
}
