/**
 * The storage of one replica: a Bitcask store that can be copied while it is used, and replaced by another replica's copy.
 *
 *     <replica>/CURRENT        names the directory in use; replaced atomically
 *     <replica>/store-N/       the store
 *     <replica>/checkpoint-N/  a copy that is being sent; hard links, so it costs no space
 *
 * Anything that CURRENT does not name is left over from a crash and is deleted when the replica is opened.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Bitcask, type BitcaskStats, type OpenOptions } from "@titan-kv/bitcask";
import type { ShardStore, StoredEntry, StoreOperation } from "../shard/shard-store.ts";
import { readDirectoryStream, writeDirectoryStream } from "./directory-stream.ts";
import { readIfPresent, replaceFile } from "./durable-file.ts";
import { StoreError } from "./store-error.ts";

/** How the store of a replica is set up. */
export interface ReplicaStoreOptions {
  readonly directory: string;
  /** Whether keys are kept in order, for scans. */
  readonly ordered: boolean;
  readonly merge?: OpenOptions["merge"];
}

/** A copy of the state that does not change any more; the shape that the raft host wants. */
export interface Checkpoint {
  read(offset: number): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Another replica's state, complete and durable, that waits to take the place of the present one. */
export interface ReceivedStore {
  /** `swapped` is called in the moment from which reads see the new state. */
  install(swapped: () => void): Promise<void>;
  discard(): Promise<void>;
}

const currentFile = "CURRENT";

/** The number of the store that CURRENT names. Strict: everything that it does not name is about to be deleted. */
function generationIn(current: string, path: string): number {
  const digits = /^store-([1-9]\d{0,14})\n$/.exec(current)?.[1];
  if (digits !== undefined) return Number(digits);
  const shown = JSON.stringify(current.slice(0, 100));
  throw new StoreError(`${path} does not name a store: ${shown}; remove this node and join it again`);
}

export class ReplicaStore implements ShardStore {
  readonly #options: ReplicaStoreOptions;
  #db: Bitcask;
  #generation: number;
  #nextDirectory: number;
  /** Called before the store is looked at as a whole, or made durable: the moment to write what is still in memory. */
  beforeUse: (() => void) | undefined;
  /** Keys that somebody wants to know of when they are written, each with its watchers. */
  readonly #watched = new Map<string, Set<() => void>>();

  private constructor(options: ReplicaStoreOptions, db: Bitcask, generation: number) {
    this.#options = options;
    this.#db = db;
    this.#generation = generation;
    this.#nextDirectory = generation + 1;
  }

  /** @throws StoreError when CURRENT is damaged, or the engine's error; nothing is deleted then. */
  static async open(options: ReplicaStoreOptions): Promise<ReplicaStore> {
    const { directory } = options;
    await mkdir(directory, { recursive: true });
    const current = await readIfPresent(join(directory, currentFile));
    const generation = current === undefined ? 1 : generationIn(current, join(directory, currentFile));
    if (current === undefined) await replaceFile(join(directory, currentFile), `store-${generation}\n`);
    for (const name of await readdir(directory)) {
      if (name === currentFile || name === `store-${generation}`) continue;
      // oxlint-disable-next-line no-await-in-loop -- few, and deleting in parallel gains nothing
      await rm(join(directory, name), { recursive: true, force: true });
    }
    const db = await openStore(options, generation);
    // What was recovered may be in the page cache only: it counts as durable from here on, so it has to be.
    await db.flush();
    return new ReplicaStore(options, db, generation);
  }

  /** What is in the store, without what is only staged: it can be asked for whatever state the replica is in. */
  stats(): BitcaskStats {
    return this.#db.stats();
  }

  /** The engine, for merges and checks. @throws like `beforeUse` */
  get engine(): Bitcask {
    this.beforeUse?.();
    return this.#db;
  }

  getEntry(key: Uint8Array): StoredEntry | undefined {
    const entry = this.#db.getEntrySync(key);
    if (entry === undefined) return undefined;
    return { value: entry.value, version: entry.version, expiresAtMs: entry.expiresAtMs ?? 0 };
  }

  expiresAtMs(key: Uint8Array): number {
    return this.#db.expiryOf(key);
  }

  write(operations: readonly StoreOperation[], meta: Uint8Array): void {
    this.#db.batchSync(operations.map(toBatchOperation), { meta });
    if (this.#watched.size > 0) for (const { key } of operations) this.#notify(key);
  }

  /** Calls `onWrite` whenever the key is written or the whole state replaced, until the returned function is called. */
  watchKey(key: Uint8Array, onWrite: () => void): () => void {
    const name = Buffer.from(key).toString("latin1");
    const watchers = this.#watched.get(name) ?? new Set();
    this.#watched.set(name, watchers.add(onWrite));
    return () => {
      watchers.delete(onWrite);
      if (watchers.size === 0) this.#watched.delete(name);
    };
  }

  #notify(key: Uint8Array): void {
    for (const watcher of this.#watched.get(Buffer.from(key).toString("latin1")) ?? []) watcher();
  }

  meta(): Uint8Array | undefined {
    return this.#db.lastMeta();
  }

  async flush(): Promise<Uint8Array | undefined> {
    this.beforeUse?.();
    return this.#db.flush();
  }

  *entries(prefix: Uint8Array): Iterable<{ readonly key: Uint8Array; readonly entry: StoredEntry }> {
    this.beforeUse?.();
    using snapshot = this.#db.snapshot();
    for (const { key, value, version, expiresAtMs } of snapshot.entriesSync({ prefix })) {
      yield { key, entry: { value, version, expiresAtMs: expiresAtMs ?? 0 } };
    }
  }

  *expiring(): Iterable<{ readonly key: Uint8Array; readonly expiresAtMs: number }> {
    this.beforeUse?.();
    using snapshot = this.#db.snapshot();
    yield* snapshot.expiringKeysSync();
  }

  /** A copy of the state as it is now; writing goes on. */
  async checkpoint(): Promise<Checkpoint> {
    this.beforeUse?.();
    const directory = join(this.#options.directory, `checkpoint-${this.#takeNumber()}`);
    await this.#db.checkpoint(directory);
    return {
      read: (offset) => readDirectoryStream(directory, offset),
      close: () => rm(directory, { recursive: true, force: true }),
    };
  }

  /** Takes in a copy of another replica's state; the present one stays in use until `install`. */
  async receive(chunks: AsyncIterable<Uint8Array>): Promise<ReceivedStore> {
    const generation = this.#takeNumber();
    const directory = join(this.#options.directory, `store-${generation}`);
    const discard = (): Promise<void> => rm(directory, { recursive: true, force: true });
    try {
      await writeDirectoryStream(directory, chunks);
    } catch (error) {
      await discard();
      throw error;
    }
    return { install: (swapped) => this.#install(generation, swapped), discard };
  }

  async close(): Promise<void> {
    try {
      this.beforeUse?.();
    } catch {
      // Whatever could not be written is in the log, and applied again when the replica is opened.
    }
    await this.#db.close();
  }

  async #install(generation: number, swapped: () => void): Promise<void> {
    const { directory } = this.#options;
    // Opened first: a copy that turns out to be damaged must not replace a store that works.
    const db = await openStore(this.#options, generation);
    await db.flush();
    const previous = { db: this.#db, generation: this.#generation };
    await replaceFile(join(directory, currentFile), `store-${generation}\n`);
    this.#db = db;
    this.#generation = generation;
    for (const watchers of this.#watched.values()) for (const watcher of watchers) watcher();
    swapped();
    await previous.db.close();
    await rm(join(directory, `store-${previous.generation}`), { recursive: true, force: true });
  }

  #takeNumber(): number {
    const number = this.#nextDirectory;
    this.#nextDirectory += 1;
    return number;
  }
}

function openStore(options: ReplicaStoreOptions, generation: number): Promise<Bitcask> {
  return Bitcask.open(join(options.directory, `store-${generation}`), {
    // The Raft log makes writes durable; the store is flushed now and then, and then the log may be shortened.
    durability: "none",
    ordered: options.ordered,
    // Keys expire when the shard's log says so, never by a clock of this machine.
    clock: () => 0,
    ...(options.merge === undefined ? {} : { merge: options.merge }),
  });
}

function toBatchOperation(operation: StoreOperation): Parameters<Bitcask["batchSync"]>[0][number] {
  if (operation.type === "del") return { type: "del", key: operation.key };
  const { key, value, version, expiresAtMs } = operation;
  return { type: "put", key, value, version, ...(expiresAtMs === 0 ? {} : { expiresAtMs }) };
}
