/** What a replica holds of a key, short enough to be compared with what others hold. */
import { crc32 } from "node:zlib";
import { BitcaskError } from "@titan-kv/bitcask";
import type { ShardStore } from "../shard/shard-store.ts";
import { isPresent } from "../shard/write-rules.ts";

export interface KeyFingerprint {
  /** Revision of the key's last change; 0 when it is absent. */
  readonly revision: number;
  /** CRC-32 of the value, begun with the low bits of the expiry. */
  readonly checksum: number;
  /** The record does not match its own checksum on this replica. */
  readonly damaged: boolean;
}

const absent: KeyFingerprint = { revision: 0, checksum: 0, damaged: false };

export function fingerprintKeys(
  store: Pick<ShardStore, "getEntry">,
  keys: readonly Uint8Array[],
  timeMs: number,
): KeyFingerprint[] {
  return keys.map((key) => fingerprintKey(store, key, timeMs));
}

function fingerprintKey(
  store: Pick<ShardStore, "getEntry">,
  key: Uint8Array,
  timeMs: number,
): KeyFingerprint {
  try {
    const entry = store.getEntry(key);
    if (entry === undefined || !isPresent(entry.expiresAtMs, timeMs)) return absent;
    return { revision: entry.version, checksum: crc32(entry.value, entry.expiresAtMs >>> 0), damaged: false };
  } catch (error) {
    if (isDamage(error)) return { revision: 0, checksum: 0, damaged: true };
    throw error;
  }
}

/** Whether an error of the engine says that a record is damaged, rather than that something else went wrong. */
export function isDamage(error: unknown): boolean {
  return error instanceof BitcaskError && error.code === "CORRUPT";
}
