// The log
export { FileLog, type FileLogOptions, type FileLogStatus } from "./file-log.ts";
export type { LogDamage, TornTail } from "./damage.ts";

// What it stands on
export type { DirectoryLock, FileSystem, LogFile, OpenMode } from "./file-system.ts";
export { nodeFileSystem } from "./node-file-system.ts";
