import type { FileHandle, FileSystem } from "../../packages/bitcask/src/fs/file-system.ts";
import { MemoryFile, type MemoryFiles, systemError } from "./memory-files.ts";

/** What the storage engine asks of a file system, on files in memory. Everything is durable at once. */
export function bitcaskFileSystem(memory: MemoryFiles): FileSystem {
  const directories = new Set<string>();
  const exists = (directory: string): boolean =>
    directories.has(directory) || [...memory.files.keys()].some((path) => path.startsWith(`${directory}/`));
  return {
    open: (path) => handle(memory, memory.get(path)),
    create(path) {
      memory.count();
      if (memory.files.has(path)) throw systemError("EEXIST", path);
      const file = new MemoryFile(Buffer.alloc(0));
      memory.files.set(path, file);
      return handle(memory, file);
    },
    list(directory) {
      memory.count();
      return exists(directory) ? memory.list(directory) : undefined;
    },
    makeDirectory(directory) {
      const isNew = !exists(directory);
      directories.add(directory);
      return isNew;
    },
    sizeOf(path) {
      memory.count();
      return memory.files.get(path)?.size;
    },
    rename: (from, to) => memory.rename(from, to),
    link: (existing, name) => void memory.files.set(name, memory.get(existing)),
    unlink: (path) => memory.remove(path),
    syncDirectory: () => memory.count(),
    lock: () => Promise.resolve({ release: () => Promise.resolve() }),
  };
}

function handle(memory: MemoryFiles, file: MemoryFile): FileHandle {
  memory.count();
  const read: FileHandle["read"] = (target, start, length, position) => {
    memory.count(Math.min(length, file.size));
    return file.read(target, start, length, position);
  };
  return {
    read,
    readAsync: (...where) => Promise.resolve(read(...where)),
    write(source, start, length, position) {
      memory.count(length);
      file.write(source.subarray(start, start + length), position);
      return length;
    },
    sync: () => memory.count(),
    syncAsync: () => Promise.resolve(),
    truncate: (size) => file.resize(size),
    size: () => file.size,
    close: () => undefined,
  };
}
