import path from "node:path";
import { BitcaskError } from "../../src/errors.ts";
import type { DirectoryLock, FileHandle, FileSystem } from "../../src/fs/file-system.ts";
import { Random } from "./random.ts";

/**
 * A file system in memory that knows the difference between *written* and *durable*.
 *
 * Reads see everything that was written. `afterPowerLoss` makes the file system that a machine would find after losing
 * power: what was synced, and of the rest whatever the image kind says. Every call can be made to fail or to be the last.
 */
export type CallKind =
  | "open"
  | "create"
  | "list"
  | "makeDirectory"
  | "sizeOf"
  | "rename"
  | "link"
  | "unlink"
  | "syncDirectory"
  | "lock"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "size"
  | "close";

/** Calls after which the disk may be different: the ones worth crashing at. */
export const changingCalls: ReadonlySet<CallKind> = new Set<CallKind>([
  "create",
  "makeDirectory",
  "rename",
  "link",
  "unlink",
  "syncDirectory",
  "write",
  "sync",
  "truncate",
]);

/** What becomes of writes that were not synced. */
export const imageKinds = ["dropped", "kept", "reordered", "torn", "zeroed", "garbage", "namesLost"] as const;
export type ImageKind = (typeof imageKinds)[number];

export interface Call {
  readonly kind: CallKind;
  readonly path: string;
  /** Number of this call since the file system was made, from 0. */
  readonly index: number;
}

/** What a plan may order for a call. */
export type Fault =
  | { readonly error: string }
  /** The change is made, and then the call fails all the same. */
  | { readonly lateError: string }
  | { readonly shortBy: number }
  | "crash";

/** Thrown by the call at which the machine dies and by every call after it. */
export class MachineDied extends Error {}

type ContentChange = { readonly position: number; readonly bytes: Buffer } | { readonly truncateTo: number };
type NameChange =
  | { readonly set: string; readonly inode: Inode }
  | { readonly remove: string }
  | { readonly rename: string; readonly to: string; readonly inode: Inode };

class Inode {
  live: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);
  pending: ContentChange[] = [];
}

class Directory {
  readonly names: Map<string, Inode> = new Map();
  durable: Map<string, Inode> = new Map();
  pending: NameChange[] = [];
}

const sectorBytes = 512;

export class MemoryFileSystem implements FileSystem {
  readonly #directories: Map<string, Directory> = new Map([["/", new Directory()]]);
  readonly #locks: Set<string> = new Set();
  /** Decides what happens to a call; undefined lets it pass. */
  plan: (call: Call) => Fault | undefined = () => undefined;
  calls = 0;
  changes = 0;
  #dead = false;
  /** Bytes all files may have together. */
  capacityBytes = Number.POSITIVE_INFINITY;

  get isDead(): boolean {
    return this.#dead;
  }

  open(file: string, _access: "read" | "write"): FileHandle {
    this.step("open", file);
    const inode = this.#directoryOf(file)?.names.get(path.basename(file));
    if (!inode) throw systemError("ENOENT", "open", file);
    return new MemoryHandle(this, inode, file);
  }

  create(file: string): FileHandle {
    const directory = this.#directoryOf(file);
    this.#mustNotExist(file);
    const inode = new Inode();
    const add = (): void => {
      directory?.names.set(path.basename(file), inode);
      directory?.pending.push({ set: path.basename(file), inode });
    };
    this.step("create", file, add);
    add();
    return new MemoryHandle(this, inode, file);
  }

  list(directory: string): string[] | undefined {
    this.step("list", directory);
    const found = this.#directories.get(directory);
    const children = [...this.#directories.keys()].filter(
      (each) => path.dirname(each) === directory && each !== directory,
    );
    return found && [...found.names.keys(), ...children.map((each) => path.basename(each))];
  }

  makeDirectory(directory: string): boolean {
    this.step("makeDirectory", directory);
    if (this.#directories.has(directory)) return false;
    this.#directories.set(directory, new Directory());
    return true;
  }

  sizeOf(file: string): number | undefined {
    this.step("sizeOf", file);
    return this.#directoryOf(file)?.names.get(path.basename(file))?.live.length;
  }

  rename(from: string, to: string): void {
    const directory = this.#directoryOf(from);
    const inode = directory?.names.get(path.basename(from));
    if (!directory || !inode) throw systemError("ENOENT", "rename", from);
    const target = this.#directoryOf(to);
    const apply = (): void => {
      if (target === directory) {
        const change = { rename: path.basename(from), to: path.basename(to), inode };
        applyName(directory.names, change);
        directory.pending.push(change);
        return;
      }
      directory.names.delete(path.basename(from));
      directory.pending.push({ remove: path.basename(from) });
      target?.names.set(path.basename(to), inode);
      target?.pending.push({ set: path.basename(to), inode });
    };
    this.step("rename", from, apply);
    apply();
  }

  link(existing: string, name: string): void {
    const inode = this.#directoryOf(existing)?.names.get(path.basename(existing));
    const directory = this.#directoryOf(name);
    if (!inode || !directory) throw systemError("ENOENT", "link", existing);
    const apply = (): void => {
      directory.names.set(path.basename(name), inode);
      directory.pending.push({ set: path.basename(name), inode });
    };
    this.step("link", name, apply);
    this.#mustNotExist(name);
    apply();
  }

  unlink(file: string): void {
    const directory = this.#directoryOf(file);
    if (!directory?.names.has(path.basename(file))) throw systemError("ENOENT", "unlink", file);
    const apply = (): void => {
      directory.names.delete(path.basename(file));
      directory.pending.push({ remove: path.basename(file) });
    };
    this.step("unlink", file, apply);
    apply();
  }

  syncDirectory(directory: string): void {
    this.step("syncDirectory", directory);
    const found = this.#directories.get(directory);
    if (!found) return;
    found.durable = new Map(found.names);
    found.pending = [];
  }

  lock(directory: string): Promise<DirectoryLock> {
    this.step("lock", directory);
    if (this.#locks.has(directory))
      return Promise.reject(new BitcaskError("LOCKED", "the store is open for writing elsewhere"));
    this.#locks.add(directory);
    return Promise.resolve({
      release: () => {
        this.#locks.delete(directory);
        return Promise.resolve();
      },
    });
  }

  /** What the machine finds after power comes back. The kind says what became of everything that was not synced. */
  afterPowerLoss(kind: ImageKind, seed: number): MemoryFileSystem {
    const random = new Random(seed);
    const next = new MemoryFileSystem();
    const images = new Map<Inode, Inode>();
    const imageOf = (inode: Inode): Inode => {
      const known = images.get(inode);
      if (known) return known;
      const image = new Inode();
      image.live = contentAfter(inode, kind, random);
      image.durable = Buffer.from(image.live);
      images.set(inode, image);
      return image;
    };
    for (const [name, directory] of this.#directories) {
      const copy = new Directory();
      for (const [file, inode] of namesAfter(directory, kind, random)) copy.names.set(file, imageOf(inode));
      copy.durable = new Map(copy.names);
      next.#directories.set(name, copy);
    }
    return next;
  }

  /** A copy in which everything written is durable: what a killed process leaves behind. */
  copy(): MemoryFileSystem {
    return this.afterPowerLoss("kept", 0);
  }

  /** Content of a file, for tests that look at or damage bytes. */
  bytesOf(file: string): Buffer {
    const inode = this.#directoryOf(file)?.names.get(path.basename(file));
    if (!inode) throw systemError("ENOENT", "bytesOf", file);
    return inode.live;
  }

  replace(file: string, bytes: Buffer): void {
    const inode = new Inode();
    inode.live = Buffer.from(bytes);
    inode.durable = Buffer.from(bytes);
    const directory = this.#directoryOf(file);
    directory?.names.set(path.basename(file), inode);
    directory?.durable.set(path.basename(file), inode);
  }

  removeQuietly(file: string): void {
    this.#directoryOf(file)?.names.delete(path.basename(file));
    this.#directoryOf(file)?.durable.delete(path.basename(file));
  }

  namesIn(directory: string): string[] {
    return [...(this.#directories.get(directory)?.names.keys() ?? [])].toSorted();
  }

  /** Counts a call and does to it what the plan says. `partly` is what a crash in the middle of it may leave behind. */
  step(kind: CallKind, file: string, partly?: () => void): number {
    if (this.#dead) throw new MachineDied();
    const fault = this.plan({ kind, path: file, index: this.calls++ });
    if (changingCalls.has(kind)) this.changes++;
    if (fault === undefined) return 0;
    if (fault === "crash") {
      partly?.();
      this.#dead = true;
      throw new MachineDied();
    }
    if ("lateError" in fault) {
      partly?.();
      throw systemError(fault.lateError, kind, file);
    }
    if ("error" in fault) throw systemError(fault.error, kind, file);
    return fault.shortBy;
  }

  usedBytes(): number {
    const inodes = new Set(
      [...this.#directories.values()].flatMap((directory) => [...directory.names.values()]),
    );
    return [...inodes].reduce((sum, inode) => sum + inode.live.length, 0);
  }

  #mustNotExist(file: string): void {
    const directory = this.#directoryOf(file);
    if (!directory) throw systemError("ENOENT", "create", file);
    if (directory.names.has(path.basename(file))) throw systemError("EEXIST", "create", file);
  }

  #directoryOf(file: string): Directory | undefined {
    return this.#directories.get(path.dirname(file));
  }
}

class MemoryHandle implements FileHandle {
  readonly #fs: MemoryFileSystem;
  readonly #inode: Inode;
  readonly #path: string;
  #closed = false;

  constructor(fs: MemoryFileSystem, inode: Inode, file: string) {
    this.#fs = fs;
    this.#inode = inode;
    this.#path = file;
  }

  read(target: Uint8Array, start: number, length: number, position: number): number {
    this.#mustBeOpen();
    const shortBy = this.#fs.step("read", this.#path);
    const end = Math.min(
      position + Math.max(1, length - shortBy),
      position + length,
      this.#inode.live.length,
    );
    if (end <= position) return 0;
    target.set(this.#inode.live.subarray(position, end), start);
    return end - position;
  }

  async readAsync(target: Uint8Array, start: number, length: number, position: number): Promise<number> {
    await Promise.resolve();
    return this.read(target, start, length, position);
  }

  write(source: Uint8Array, start: number, length: number, position: number): number {
    this.#mustBeOpen();
    const bytes = Buffer.from(source.subarray(start, start + length));
    const grown = Math.max(0, position + length - this.#inode.live.length);
    if (this.#fs.usedBytes() + grown > this.#fs.capacityBytes) {
      // As real file systems do: what fits is written first.
      const fits = Math.max(0, this.#fs.capacityBytes - this.#fs.usedBytes());
      if (fits === 0 || grown < length) throw systemError("ENOSPC", "write", this.#path);
      this.#change({ position, bytes: bytes.subarray(0, Math.min(fits, length)) });
      return Math.min(fits, length);
    }
    const shortBy = this.#fs.step("write", this.#path, () => this.#change({ position, bytes }));
    const taken = Math.max(1, length - shortBy);
    this.#change({ position, bytes: bytes.subarray(0, taken) });
    return Math.min(taken, length);
  }

  sync(): void {
    this.#mustBeOpen();
    const count = this.#inode.pending.length;
    this.#stepSync();
    this.#makeDurable(count);
  }

  async syncAsync(): Promise<void> {
    this.#mustBeOpen();
    const count = this.#inode.pending.length;
    this.#stepSync();
    await Promise.resolve();
    if (this.#fs.isDead) throw new MachineDied();
    this.#makeDurable(count);
  }

  truncate(size: number): void {
    this.#mustBeOpen();
    const change = { truncateTo: size };
    this.#fs.step("truncate", this.#path, () => this.#change(change));
    this.#change(change);
  }

  size(): number {
    this.#mustBeOpen();
    this.#fs.step("size", this.#path);
    return this.#inode.live.length;
  }

  close(): void {
    this.#mustBeOpen();
    this.#closed = true;
  }

  #stepSync(): void {
    try {
      this.#fs.step("sync", this.#path);
    } catch (error) {
      // What Linux does: the pages count as clean from now on, and no later sync will write them.
      if (!(error instanceof MachineDied)) this.#inode.pending = [];
      throw error;
    }
  }

  #makeDurable(count: number): void {
    for (const change of this.#inode.pending.splice(0, count))
      this.#inode.durable = applyContent(this.#inode.durable, change);
  }

  #change(change: ContentChange): void {
    this.#inode.pending.push(change);
    this.#inode.live = applyContent(this.#inode.live, change);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw systemError("EBADF", "use", this.#path);
  }
}

function applyContent(content: Buffer, change: ContentChange): Buffer {
  if ("truncateTo" in change) {
    const cut = Buffer.alloc(change.truncateTo);
    content.copy(cut, 0, 0, change.truncateTo);
    return cut;
  }
  const end = change.position + change.bytes.length;
  const target =
    end > content.length ? Buffer.concat([content, Buffer.alloc(end - content.length)]) : content;
  change.bytes.copy(target, change.position);
  return target;
}

function contentAfter(inode: Inode, kind: ImageKind, random: Random): Buffer {
  let content: Buffer = Buffer.from(inode.durable);
  for (const change of inode.pending) {
    if (kind === "dropped") break;
    if (kind === "reordered" && random.chance(0.5)) continue;
    if ("truncateTo" in change || kind === "kept" || kind === "reordered" || kind === "namesLost") {
      content = applyContent(content, change);
    } else content = applySectors(content, change, kind, random);
  }
  return content;
}

/** Lets some sectors of a write arrive and others not, or not as they were. */
function applySectors(
  content: Buffer,
  change: { position: number; bytes: Buffer },
  kind: ImageKind,
  random: Random,
): Buffer {
  let result = content;
  let from = 0;
  while (from < change.bytes.length) {
    const position = change.position + from;
    const length = Math.min(sectorBytes - (position % sectorBytes), change.bytes.length - from);
    const arrives = random.chance(0.5);
    let bytes = change.bytes.subarray(from, from + length);
    if (!arrives && kind === "zeroed") bytes = Buffer.alloc(length);
    if (!arrives && kind === "garbage") bytes = Buffer.from(Array.from({ length }, () => random.below(256)));
    if (arrives || kind !== "torn") result = applyContent(result, { position, bytes });
    from += length;
  }
  return result;
}

function applyName(names: Map<string, Inode>, change: NameChange): void {
  if ("set" in change) names.set(change.set, change.inode);
  else if ("remove" in change) names.delete(change.remove);
  else {
    names.delete(change.rename);
    names.set(change.to, change.inode);
  }
}

function namesAfter(directory: Directory, kind: ImageKind, random: Random): Map<string, Inode> {
  const names = new Map(directory.durable);
  if (kind === "dropped" || kind === "namesLost") return names;
  for (const change of directory.pending) {
    if (kind === "reordered" && random.chance(0.5)) continue;
    if (kind === "garbage" && random.chance(0.3)) break;
    applyName(names, change);
  }
  return names;
}

export function systemError(code: string, call: string, file: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected, ${call} '${file}'`), {
    code,
    syscall: call,
    path: file,
  });
}
