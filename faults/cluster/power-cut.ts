/**
 * Loaded into a node's process before anything else: makes it possible to cut the power of one process.
 *
 * Killing a process never loses what it has written, because the page cache belongs to the system. So this keeps, for
 * every file below the node's directory, what each write replaced until the file has been made durable. When the power is
 * cut, it puts all of it back and the process kills itself: on the disk is then what a disk would have kept if the
 * system had written nothing by its own choice. A write through a descriptor opened with `O_DSYNC` is durable when it
 * ends. Names (created, renamed, removed files) count as durable at once, which is kinder than a real disk may be; the
 * crash images in the tests of the log and of the storage engine lose those too.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { sep } from "node:path";

/** Sent to the process. */
export interface PowerCut {
  readonly powerCut: true;
}

/** What a range of a file was before a write that is not durable yet. */
interface Replaced {
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly fileSize: number;
}

interface WatchedFile {
  path: string;
  /** The oldest first. */
  undo: Replaced[];
}

const directory = process.env["TITAN_FAULTS_DIRECTORY"] ?? "";
const files = new Map<string, WatchedFile>();
const descriptors = new Map<number, { readonly file: WatchedFile; readonly durableWrites: boolean }>();
const original = {
  openSync: fs.openSync,
  closeSync: fs.closeSync,
  writeSync: fs.writeSync,
  write: fs.write,
  ftruncateSync: fs.ftruncateSync,
  renameSync: fs.renameSync,
  unlinkSync: fs.unlinkSync,
  fdatasyncSync: fs.fdatasyncSync,
  fsyncSync: fs.fsyncSync,
  fdatasync: fs.fdatasync,
  fsync: fs.fsync,
};

function inodeOf(descriptor: number): string {
  const { dev, ino } = fs.fstatSync(descriptor);
  return `${dev}:${ino}`;
}

/** Remembers what is in a range of a file, up to its end. */
function remember(descriptor: number, position: number, length: number): void {
  const watched = descriptors.get(descriptor);
  if (watched === undefined || watched.durableWrites) return;
  const fileSize = fs.fstatSync(descriptor).size;
  const bytes = new Uint8Array(Math.max(0, Math.min(length, fileSize - position)));
  if (bytes.length > 0) {
    const reader = original.openSync(watched.file.path, "r");
    fs.readSync(reader, bytes, 0, bytes.length, position);
    original.closeSync(reader);
  }
  watched.file.undo.push({ position, bytes, fileSize });
}

/** Everything written so far is durable once the returned function is called. */
function beginSync(descriptor: number): () => void {
  const file = descriptors.get(descriptor)?.file;
  const covered = file?.undo.length ?? 0;
  return () => file?.undo.splice(0, covered);
}

function cutPower(): void {
  for (const { path, undo } of files.values()) {
    if (undo.length === 0 || !fs.existsSync(path)) continue;
    const descriptor = original.openSync(path, "r+");
    for (const { position, bytes, fileSize } of undo.toReversed()) {
      original.writeSync(descriptor, bytes, 0, bytes.length, position);
      original.ftruncateSync(descriptor, fileSize);
    }
    original.closeSync(descriptor);
  }
  process.kill(process.pid, "SIGKILL");
}

type Callback = (...results: unknown[]) => void;

/** The same call with callback, of which the last argument is told when the file is durable. */
function withCallback(sync: (descriptor: number, callback: Callback) => void): typeof sync {
  return (descriptor, callback) => {
    const durable = beginSync(descriptor);
    sync(descriptor, (error, ...rest) => {
      if (error === null || error === undefined) durable();
      callback(error, ...rest);
    });
  };
}

function watchOpens(): void {
  fs.openSync = ((path: string, flags: number | string, mode?: fs.Mode) => {
    const descriptor = original.openSync(path, flags, mode);
    const isWritten = flags !== "r" && flags !== fs.constants.O_RDONLY;
    if (!isWritten || typeof path !== "string" || !path.startsWith(directory + sep)) return descriptor;
    const inode = inodeOf(descriptor);
    const file = files.get(inode) ?? { path, undo: [] };
    files.set(inode, file);
    const durableWrites = typeof flags === "number" && (flags & fs.constants.O_DSYNC) !== 0;
    descriptors.set(descriptor, { file, durableWrites });
    return descriptor;
  }) as typeof fs.openSync;
  fs.closeSync = (descriptor) => {
    descriptors.delete(descriptor);
    original.closeSync(descriptor);
  };
}

/** Files are known by their place on the disk, and found by their name. */
function watchNames(): void {
  fs.renameSync = (from, to) => {
    original.renameSync(from, to);
    for (const file of files.values()) if (file.path === from) file.path = String(to);
  };
  fs.unlinkSync = (path) => {
    original.unlinkSync(path);
    // Its place may be given to another file.
    for (const [inode, file] of files) if (file.path === path) files.delete(inode);
  };
}

function watchedWrite(
  descriptor: number,
  bytes: Uint8Array,
  start: number,
  length: number,
  position: number,
  callback: Callback,
): void {
  remember(descriptor, position, length);
  original.write(descriptor, bytes, start, length, position, callback);
}

function watchWrites(): void {
  fs.writeSync = ((
    descriptor: number,
    bytes: Uint8Array,
    start: number,
    length: number,
    position: number,
  ) => {
    remember(descriptor, position, length);
    return original.writeSync(descriptor, bytes, start, length, position);
  }) as typeof fs.writeSync;
  // Promises of a write have the number of bytes and the buffer as fields; whoever makes one finds the names here.
  for (const symbol of Object.getOwnPropertySymbols(original.write)) {
    Object.defineProperty(watchedWrite, symbol, Object.getOwnPropertyDescriptor(original.write, symbol)!);
  }
  fs.write = watchedWrite as typeof fs.write;
  fs.ftruncateSync = (descriptor, length) => {
    const from = length ?? 0;
    remember(descriptor, from, Math.max(0, fs.fstatSync(descriptor).size - from));
    original.ftruncateSync(descriptor, length);
  };
}

function watchSyncs(): void {
  for (const name of ["fdatasyncSync", "fsyncSync"] as const) {
    fs[name] = (descriptor) => {
      const durable = beginSync(descriptor);
      original[name](descriptor);
      durable();
    };
  }
  for (const name of ["fdatasync", "fsync"] as const) {
    fs[name] = withCallback(original[name] as Parameters<typeof withCallback>[0]) as typeof fs.fsync;
  }
}

if (directory !== "") {
  watchOpens();
  watchNames();
  watchWrites();
  watchSyncs();
  syncBuiltinESMExports();
  process.on("message", (message) => {
    if (typeof message === "object" && message !== null && "powerCut" in message) cutPower();
  });
  process.channel?.unref();
}
