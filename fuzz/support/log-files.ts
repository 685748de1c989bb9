import type { FileSystem, LogFile } from "@titan-kv/raft/wal";
import { MemoryFile, type MemoryFiles } from "./memory-files.ts";

/** What the Raft log asks of a file system, on files in memory. Everything is durable at once. */
export function logFileSystem(memory: MemoryFiles): FileSystem {
  return {
    makeDirectory: () => Promise.resolve(),
    list(directory) {
      memory.count();
      return memory.list(directory);
    },
    open(path, mode) {
      memory.count();
      if (mode === "create") memory.files.set(path, new MemoryFile(Buffer.alloc(0)));
      return logFile(memory, memory.get(path));
    },
    rename: (from, to) => memory.rename(from, to),
    remove: (path) => memory.remove(path),
    syncDirectory: () => Promise.resolve(),
    lock: () => Promise.resolve({ release: () => Promise.resolve() }),
  };
}

function logFile(memory: MemoryFiles, file: MemoryFile): LogFile {
  return {
    size: () => file.size,
    read(target, position) {
      memory.count(Math.min(target.length, file.size));
      return file.read(target, 0, target.length, position);
    },
    async preallocate(bytes) {
      memory.count(bytes);
      file.resize(bytes);
    },
    async writeDurably(bytes, position) {
      memory.count(bytes.length);
      file.write(bytes, position);
      return bytes.length;
    },
    sync: () => Promise.resolve(),
    close: () => undefined,
  };
}
