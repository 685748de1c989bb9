export { Bitcask } from "./bitcask.ts";
export type { MergePolicy, Durability, OpenOptions } from "./options.ts";

export type { Entry } from "./read/reader.ts";
export type { ScanEntry, ScanOptions, Snapshot } from "./read/snapshot.ts";
export type {
  BatchOperation,
  BatchOptions,
  ClearRange,
  DeleteOptions,
  PutOptions,
} from "./write/operations.ts";
export type { MergeOptions } from "./merge/merger.ts";
export type { WriteCondition } from "./write/conditions.ts";

export { BitcaskError, type BitcaskErrorCode, type WriteOutcome } from "./errors.ts";
export type { BitcaskEvent, BitcaskListener, MergeResult } from "./events.ts";
export { verifyStore, type CheckOptions, type Problem, type VerifyReport } from "./check/verify.ts";
export { repairStore, type RepairedFile, type RepairReport } from "./check/repair.ts";
export type { DamagedRange } from "./check/salvage-scan.ts";
export type { BitcaskStats } from "./stats.ts";

export type { DirectoryLock, FileHandle, FileSystem } from "./fs/file-system.ts";
