import { BitcaskError } from "./errors.ts";
import { nodeFileSystem } from "./fs/node-file-system.ts";
import type { FileSystem } from "./fs/file-system.ts";
import {
  defaultMergeBytesPerSecond,
  defaultMaxFileBytes,
  defaultMaxOpenFiles,
  maxFileBytesCap,
  minFileBytesFloor,
} from "./limits.ts";

/**
 * When an acknowledged write is safe.
 *
 * - `always`: it is on the disk; power loss cannot take it back.
 * - `interval`: it is with the operating system and reaches the disk within `syncIntervalMs`; a crash of the process
 *   cannot take it back, power loss may take back that much time.
 * - `none`: it is with the operating system; `flush()` or `close()` make it durable.
 */
export type Durability = "always" | "interval" | "none";

/** When and how the engine reclaims space by itself. Every threshold is about one file. */
export interface MergePolicy {
  /** Start merges automatically. Default true. `merge()` works either way. */
  readonly auto?: boolean;
  /** A merge starts when some file has at least this share of dead bytes. Default 0.6. */
  readonly triggerDeadFraction?: number;
  /** Or at least this many dead bytes. Default half of `maxFileBytes`. */
  readonly triggerDeadBytes?: number;
  /** Or when at least this many files are smaller than `smallFileBytes`. Default 16. */
  readonly triggerSmallFiles?: number;
  /** A merge takes files with at least this share of dead bytes. Default 0.4. */
  readonly includeDeadFraction?: number;
  /** Files smaller than this are always worth taking. Default a sixteenth of `maxFileBytes`. */
  readonly smallFileBytes?: number;
  /** Hours of the day, local time, in which automatic merges may start: `{ fromHour: 1, toHour: 5 }`. Default: always. */
  readonly window?: { readonly fromHour: number; readonly toHour: number };
  /** How often thresholds are looked at. Default 60,000. */
  readonly checkIntervalMs?: number;
  /** Random share added to each interval, so that many stores do not merge in step. Default 0.25. */
  readonly jitter?: number;
  /**
   * Bytes per second a merge may read and write together; `Infinity` for no limit, which others who use the disk notice.
   * Default 64 MiB.
   */
  readonly maxBytesPerSecond?: number;
}

/** How to open a store. Everything has a default. */
export interface OpenOptions {
  /** Create the directory and the store if there is none. Default true. */
  readonly createIfMissing?: boolean;
  /** Only read: takes no lock, changes nothing, may run beside a writer. Sees the store as it was at open or the last `refresh()`. Default false. */
  readonly readOnly?: boolean;
  /** Default `always`. */
  readonly durability?: Durability;
  /** For `interval`. Default 1000. */
  readonly syncIntervalMs?: number;
  /** The log goes on in a new file at about this size. Default 256 MiB. A larger record or batch gets a file of its own. */
  readonly maxFileBytes?: number;
  /** Keep the keys in byte order for ranges, prefixes and reverse. Costs about 10 bytes a key. Not with `fingerprint`. Default false. */
  readonly ordered?: boolean;
  /** `full` keeps every key in memory; `fingerprint` keeps a few bytes of its hash and checks the key on reading. Default `full`. */
  readonly keydir?: "full" | "fingerprint";
  /** Present time for expiry, in milliseconds. A state machine passes its log's time; `() => 0` means that nothing ever expires by itself. Default `Date.now`. */
  readonly clock?: () => number;
  /** File descriptors that full data files may hold. Default 256. */
  readonly maxOpenFiles?: number;
  /** Write zeros ahead of the log so that small synced writes are faster. Default true. */
  readonly preallocate?: boolean;
  readonly merge?: MergePolicy;
  /** Seed of the keydir's hash; random by default. Tests fix it. */
  readonly hashSeed?: bigint;
  /** Where the files are. Tests replace it. Default: the machine's file system. */
  readonly fileSystem?: FileSystem;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly createIfMissing: boolean;
  readonly readOnly: boolean;
  readonly durability: Durability;
  readonly syncIntervalMs: number;
  readonly maxFileBytes: number;
  readonly ordered: boolean;
  readonly keydir: "full" | "fingerprint";
  readonly clock: () => number;
  readonly maxOpenFiles: number;
  readonly preallocate: boolean;
  readonly merge: ResolvedMergePolicy;
  readonly hashSeed: bigint | undefined;
  readonly fileSystem: FileSystem;
}

export type ResolvedMergePolicy = Required<Omit<MergePolicy, "window">> & Pick<MergePolicy, "window">;

/** Fills in defaults and refuses nonsense with INVALID_ARGUMENT. */
export function resolveOptions(options: OpenOptions): ResolvedOptions {
  const maxFileBytes = options.maxFileBytes ?? defaultMaxFileBytes;
  refuseUnless(
    Number.isSafeInteger(maxFileBytes) &&
      maxFileBytes >= minFileBytesFloor &&
      maxFileBytes <= maxFileBytesCap,
    `maxFileBytes must be an integer from ${minFileBytesFloor} to ${maxFileBytesCap}`,
  );
  const syncIntervalMs = options.syncIntervalMs ?? 1000;
  refuseUnless(syncIntervalMs > 0 && syncIntervalMs <= 0x7fff_ffff, "syncIntervalMs must be positive");
  const maxOpenFiles = options.maxOpenFiles ?? defaultMaxOpenFiles;
  refuseUnless(Number.isSafeInteger(maxOpenFiles) && maxOpenFiles >= 1, "maxOpenFiles must be at least 1");
  const durability = options.durability ?? "always";
  refuseUnless(
    ["always", "interval", "none"].includes(durability),
    "durability must be always, interval or none",
  );
  const keydir = options.keydir ?? "full";
  refuseUnless(["full", "fingerprint"].includes(keydir), "keydir must be full or fingerprint");
  refuseUnless(
    !(options.ordered === true && keydir === "fingerprint"),
    "an ordered index needs the keys in memory, which a fingerprint keydir does not keep; choose one of the two",
  );
  return {
    createIfMissing: options.createIfMissing ?? true,
    readOnly: options.readOnly ?? false,
    durability,
    syncIntervalMs,
    maxFileBytes,
    ordered: options.ordered ?? false,
    keydir,
    clock: options.clock ?? Date.now,
    maxOpenFiles,
    preallocate: options.preallocate ?? true,
    merge: resolveMergePolicy(options.merge ?? {}, maxFileBytes),
    hashSeed: options.hashSeed,
    fileSystem: options.fileSystem ?? nodeFileSystem,
  };
}

function resolveMergePolicy(policy: MergePolicy, maxFileBytes: number): ResolvedMergePolicy {
  const resolved = {
    auto: policy.auto ?? true,
    triggerDeadFraction: policy.triggerDeadFraction ?? 0.6,
    triggerDeadBytes: policy.triggerDeadBytes ?? maxFileBytes / 2,
    triggerSmallFiles: policy.triggerSmallFiles ?? 16,
    includeDeadFraction: policy.includeDeadFraction ?? 0.4,
    smallFileBytes: policy.smallFileBytes ?? maxFileBytes / 16,
    checkIntervalMs: policy.checkIntervalMs ?? 60_000,
    jitter: policy.jitter ?? 0.25,
    maxBytesPerSecond: policy.maxBytesPerSecond ?? defaultMergeBytesPerSecond,
    ...(policy.window && { window: policy.window }),
  };
  refuseUnless(
    isFraction(resolved.triggerDeadFraction) && isFraction(resolved.includeDeadFraction),
    "dead fractions are between 0 and 1",
  );
  refuseUnless(
    resolved.checkIntervalMs > 0 && resolved.checkIntervalMs <= 0x3fff_ffff,
    "checkIntervalMs must be positive",
  );
  refuseUnless(isFraction(resolved.jitter), "jitter is between 0 and 1");
  refuseUnless(resolved.maxBytesPerSecond > 0, "maxBytesPerSecond must be positive");
  const { window } = policy;
  refuseUnless(
    !window || (isHour(window.fromHour) && isHour(window.toHour)),
    "a merge window is given in hours from 0 to 24",
  );
  return resolved;
}

/** Throws INVALID_ARGUMENT with what was expected. */
export function refuseUnless(condition: boolean, expectation: string): void {
  if (!condition) throw new BitcaskError("INVALID_ARGUMENT", expectation);
}

function isFraction(value: number): boolean {
  return value >= 0 && value <= 1;
}

function isHour(hour: number): boolean {
  return Number.isInteger(hour) && hour >= 0 && hour <= 24;
}
