// The log
export { FileLog, type FileLogOptions, type FileLogStatus } from "./file-log.ts";
export type { LogDamage, TornTail } from "./damage.ts";

// What it stands on
export type { DirectoryLock, FileSystem, LogFile, OpenMode } from "./file-system.ts";
export { nodeFileSystem } from "./node-file-system.ts";

// Looking at the files.
export { describeRecord, dumpLog, type DumpOptions } from "./dump.ts";
export type { EntryPosition, LogRecord } from "./record.ts";
export { type GroupReport, type LogReport, verifyLog } from "./verify.ts";
export { relaxedFileSystem, type RelaxedFileSystemOptions } from "./relaxed-file-system.ts";
