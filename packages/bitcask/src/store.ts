import { randomBytes } from "node:crypto";
import path from "node:path";
import { BitcaskError, wrapSystemError } from "./errors.ts";
import type { EventHub } from "./events.ts";
import { dataFileIdOf, dataName, isTemporary, manifestNumberOf } from "./format/file-names.ts";
import { recordHeadBytes, valueStartOf } from "./format/record.ts";
import { lockFileName } from "./fs/directory-lock.ts";
import type { DirectoryLock, FileSystem } from "./fs/file-system.ts";
import { createKeydir } from "./keydir/off-heap-keydir.ts";
import type { Keydir } from "./keydir/keydir.ts";
import { FileTable } from "./log/file-table.ts";
import { GroupCommit } from "./log/group-commit.ts";
import { Log } from "./log/log.ts";
import { Sealer } from "./log/sealer.ts";
import { hasCurrent, Manifest } from "./manifest/manifest.ts";
import { type ManifestFile, ManifestState } from "./manifest/manifest-state.ts";
import type { ResolvedOptions } from "./options.ts";
import { RecordReader } from "./read/record-reader.ts";
import { Reader } from "./read/reader.ts";
import { removeOrphans } from "./recovery/orphans.ts";
import { recover } from "./recovery/recover.ts";
import { LiveState } from "./state/live-state.ts";
import { StateLoader } from "./state/state-loader.ts";
import { ConditionChecker } from "./write/conditions.ts";
import { Writer } from "./write/writer.ts";

/** The parts of an open store, wired together. `Bitcask` is the door in front of it. */
export interface Store {
  readonly directory: string;
  readonly options: ResolvedOptions;
  readonly events: EventHub;
  readonly table: FileTable;
  readonly manifest: Manifest;
  readonly state: LiveState;
  readonly records: RecordReader;
  readonly reader: Reader;
  readonly log: Log;
  readonly commit: GroupCommit;
  readonly writer: Writer;
  readonly sealer: Sealer;
  readonly lock: DirectoryLock | undefined;
}

/** Opens or creates the store in a directory. Whatever fails, nothing stays locked or open. */
export async function openStore(
  directory: string,
  options: ResolvedOptions,
  events: EventHub,
): Promise<Store> {
  const fs = options.fileSystem;
  if (options.readOnly) return openBesideWriter(directory, options, events);
  try {
    prepareDirectory(directory, options);
    // Before anything is read: what is read must not change under a second writer.
    const lock = await fs.lock(directory);
    try {
      return await openLocked(directory, options, { events, lock });
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw wrapSystemError(error, `opening ${directory}`);
  }
}

/** Makes everything durable, seals every file, and lets go of files and lock, also when the first of these fails. */
export async function closeStore(store: Store): Promise<void> {
  try {
    if (!store.options.readOnly) await finishWriting(store);
  } finally {
    store.state.retirement.discardAll();
    store.table.closeAll();
    store.manifest.close();
    await store.lock?.release();
  }
}

/** Leaves nothing to recover: the next open finds every file sealed and every hint there. */
async function finishWriting(store: Store): Promise<void> {
  await store.commit.lastPendingSettled();
  if (store.log.failure.syncError) return;
  await store.log.sync();
  try {
    await sealWritten(store);
  } catch {
    // Everything is durable; the next open seals what could not be sealed now, as after a crash.
  }
}

/**
 * Ends the file that is written to, and resolves when it and all before it are sealed: everything submitted before the call
 * is then in files that never change again. Later writes go to the next file and are not waited for, however many come.
 */
export async function sealWritten(store: Store): Promise<void> {
  const { commit, log, sealer } = store;
  await commit.lastPendingSettled();
  log.endActive();
  const lastFileId = log.closing.at(-1)?.file.fileId;
  while (log.closing.some((each) => each.file.fileId === lastFileId)) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- what is in the file must be durable, then applied, then sealed
    await log.sync();
    // oxlint-disable-next-line eslint/no-await-in-loop
    await commit.lastPendingSettled();
    // oxlint-disable-next-line eslint/no-await-in-loop
    await sealer.settle();
    if (sealer.lastError) throw sealer.lastError;
  }
}

/** How often a read-only open tries again when the writer has changed the files under it. */
const readOnlyAttempts = 5;
const readOnlyRetryMs = 20;

/**
 * A writer may seal, merge and unlink files between one of our reads and the next, and the end of its log may be half
 * written. That looks like damage; if it still does after a while, it is.
 */
async function openBesideWriter(
  directory: string,
  options: ResolvedOptions,
  events: EventHub,
): Promise<Store> {
  for (let attempt = 1; ; attempt++) {
    try {
      prepareDirectory(directory, options);
      // oxlint-disable-next-line eslint/no-await-in-loop -- one attempt after the other
      const store = await openLocked(directory, options, { events, lock: undefined });
      // Held open from now on, so that they stay readable when a merge of the writer unlinks them.
      for (const file of store.table.values()) store.table.handleOf(file);
      return store;
    } catch (error) {
      const wrapped = wrapSystemError(error, `opening ${directory}`);
      const mayPass = ["CORRUPT", "CORRUPT_MANIFEST", "MISSING_FILE", "IO_ERROR"].includes(wrapped.code);
      if (!mayPass || attempt === readOnlyAttempts) throw wrapped;
    }
    // oxlint-disable-next-line eslint/no-await-in-loop
    await new Promise((resolve) => setTimeout(resolve, readOnlyRetryMs));
  }
}

async function openLocked(
  directory: string,
  options: ResolvedOptions,
  with_: { events: EventHub; lock: DirectoryLock | undefined },
): Promise<Store> {
  const { events, lock } = with_;
  const fs = options.fileSystem;
  const manifest = hasCurrent(fs, directory)
    ? Manifest.open(fs, directory, { readOnly: options.readOnly })
    : createManifest(directory, options);
  const table = new FileTable(fs, directory, { maxOpenFiles: options.maxOpenFiles });
  try {
    const records = new RecordReader(table, events);
    const state = new LiveState(makeKeydir(options, records, { manifest, table }), table);
    const loader = new StateLoader(state, {
      newTombstones: () => createKeydir({ mode: "full", seed: hashSeed(options) }),
      readValue: (file, offset, size) => {
        const record = records.readSync(file.fileId, offset, size);
        return record.subarray(valueStartOf(record));
      },
    });
    const lastSeq = await recover({ table, manifest, state, loader, events, readOnly: options.readOnly });
    if (!options.readOnly) removeOrphans(table, manifest);
    return wire({ directory, options, events, table, manifest, state, records, lock }, lastSeq);
  } catch (error) {
    table.closeAll();
    manifest.close();
    throw error;
  }
}

type Foundation = Pick<
  Store,
  "directory" | "options" | "events" | "table" | "manifest" | "state" | "records" | "lock"
>;

function wire(foundation: Foundation, lastSeq: number): Store {
  const { options, events, table, manifest, state, records } = foundation;
  const { clock } = options;
  const log: Log = new Log({
    table,
    manifest,
    events,
    lastSeq,
    meta: state.meta?.bytes,
    maxFileBytes: options.maxFileBytes,
    preallocate: options.preallocate,
    onDurable: () => sealer.kick(),
  });
  const sealer = new Sealer(log, events);
  const commit = new GroupCommit(log, state, () => sealer.kick());
  const reader = new Reader({ state, records, index: state.keydir, clock });
  const conditions = new ConditionChecker(commit, reader, clock);
  const writer = new Writer({
    log,
    commit,
    conditions,
    clock,
    syncByDefault: options.durability === "always",
  });
  return { ...foundation, reader, log, commit, writer, sealer };
}

/** What the manifest says, but no more than the file has room for: the number decides how much memory is taken at once. */
function recordsIn({ fileId, sealed }: ManifestFile, table: FileTable): number {
  const size = table.fs.sizeOf(table.pathOf(dataName(fileId))) ?? 0;
  return Math.min(sealed?.records ?? 0, Math.floor(size / recordHeadBytes));
}

function makeKeydir(
  options: ResolvedOptions,
  records: RecordReader,
  { manifest, table }: { manifest: Manifest; table: FileTable },
): Keydir {
  let expectedKeys = 0;
  for (const file of manifest.state.files.values()) expectedKeys += recordsIn(file, table);
  return createKeydir({
    // At most: overwritten keys were counted more than once. So half of it, and growing from there is cheap.
    expectedKeys: Math.floor(expectedKeys / 2),
    mode: options.keydir,
    ordered: options.ordered,
    seed: hashSeed(options),
    readKey: records.readKey,
  });
}

function hashSeed(options: ResolvedOptions): bigint {
  return options.hashSeed ?? randomBytes(8).readBigUInt64LE();
}

function prepareDirectory(directory: string, options: ResolvedOptions): void {
  const fs = options.fileSystem;
  if (fs.list(directory) !== undefined) return;
  if (options.readOnly || !options.createIfMissing) {
    throw new BitcaskError("DIRECTORY_MISSING", `there is no directory ${directory}`);
  }
  fs.makeDirectory(directory);
  // Or the whole store could vanish with its name.
  fs.syncDirectory(path.dirname(path.resolve(directory)));
}

/** Makes an empty store, but only where that cannot hide or damage anything. */
function createManifest(directory: string, options: ResolvedOptions): Manifest {
  const fs: FileSystem = options.fileSystem;
  const names = fs.list(directory) ?? [];
  if (names.some((name) => dataFileIdOf(name) !== undefined)) {
    throw new BitcaskError(
      "CORRUPT_MANIFEST",
      "the directory holds data files but no CURRENT. Nothing has been changed; run `bitcask repair` on the directory.",
    );
  }
  const foreign = names.find((name) => !isLeftover(name));
  if (foreign !== undefined || options.readOnly || !options.createIfMissing) {
    const why = foreign === undefined ? "it is empty" : `it holds ${foreign}`;
    throw new BitcaskError("NOT_A_STORE", `${directory} is not a bitcask store: ${why}`);
  }
  return Manifest.create(fs, directory, {
    storeId: Uint8Array.from(randomBytes(16)),
    state: new ManifestState(),
  });
}

/** What an attempt to create a store may have left behind. */
function isLeftover(name: string): boolean {
  return name === lockFileName || manifestNumberOf(name) !== undefined || isTemporary(name);
}
