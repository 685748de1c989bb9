/** A page of one shard's keys, in the order of their bytes. */
import { ReadLevel } from "@titan-kv/proto";
import type { OriginFields } from "@titan-kv/proto/pipeline";
import { slotOf } from "@titan-kv/ring";
import type { ReplicaStore } from "../storage/replica-store.ts";
import { type StoredEntry, systemKeyByte } from "../shard/shard-store.ts";
import { SlotState } from "../shard/slot-ownership.ts";
import { isPresent } from "../shard/write-rules.ts";
import { apiErrorOfRead } from "./raft-errors.ts";
import type { ShardReplica } from "./shard-replica.ts";

/** Bytes of values in one page at most; a single larger value still makes a page. */
export const maxPageBytes: number = 1024 * 1024;

/** What to read. Bounds are bytes; an empty `end` means to the end. */
export interface ShardScanRequest {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly reverse: boolean;
  /** At least 1. */
  readonly limit: number;
  readonly keysOnly: boolean;
}

export interface ScannedEntry extends StoredEntry {
  readonly key: Uint8Array;
}

/** The entries, and whether the shard has more in the range. */
export interface ShardPage {
  readonly entries: readonly ScannedEntry[];
  readonly more: boolean;
  readonly origin: OriginFields;
}

/** No key of a user reaches this: it begins where the shard's own records do. */
const endOfKeys: Uint8Array = Uint8Array.of(systemKeyByte);

/**
 * Waits until the replica has what the level asks for; `checkServing` is to follow.
 * @throws ApiError NOT_LEADER, OVERLOADED, UNAVAILABLE: NOT_APPLIED.
 */
export async function awaitLevel(replica: ShardReplica, level: ReadLevel): Promise<void> {
  replica.checkNotFenced();
  if (level === ReadLevel.LOCAL) return;
  try {
    await replica.group.readIndex({ confirm: level !== ReadLevel.LEASE });
  } catch (error) {
    throw apiErrorOfRead(error, replica.hint());
  }
}

/** Reads a page from the replica's present state, without waiting for anything. */
export function scanReplica(
  replica: ShardReplica,
  store: ReplicaStore,
  request: ShardScanRequest,
): ShardPage {
  replica.checkServing();
  const { machine } = replica;
  const origin = replica.origin(machine.revision);
  const timeMs = machine.logTimeMs;
  const entries: ScannedEntry[] = [];
  let bytes = 0;
  const lt = request.end.length === 0 ? endOfKeys : request.end;
  using snapshot = store.engine.snapshot();
  for (const found of snapshot.entriesSync({ gte: request.start, lt, reverse: request.reverse })) {
    const expiresAtMs = found.expiresAtMs ?? 0;
    if (!isPresent(expiresAtMs, timeMs) || machine.slotState(slotOf(found.key)) !== SlotState.Owned) continue;
    if (entries.length === request.limit || bytes >= maxPageBytes) return { entries, more: true, origin };
    const value = request.keysOnly ? new Uint8Array(0) : found.value;
    entries.push({ key: found.key, value, version: found.version, expiresAtMs });
    bytes += value.length + found.key.length;
  }
  return { entries, more: false, origin };
}
