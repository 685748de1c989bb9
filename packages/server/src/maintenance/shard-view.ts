/** A shard as a replica shows it at one point of its log, for a backup. */
import { ReadLevel } from "@titan-kv/proto";
import type { Snapshot } from "@titan-kv/bitcask";
import { slotOf } from "@titan-kv/ring";
import { ApiError } from "../http/api-error.ts";
import { awaitLevel } from "../kv/shard-scan.ts";
import type { HostedShard } from "../node/hosted-replica.ts";
import { isDamage } from "../repair/key-fingerprint.ts";
import { readOwnSlots } from "../shard/command.ts";
import { decodeCounters } from "../shard/shard-counters.ts";
import { Session } from "../shard/session.ts";
import { ownershipKey, sessionPrefix } from "../shard/shard-state-machine.ts";
import { systemKeyByte } from "../shard/shard-store.ts";
import { isPresent } from "../shard/write-rules.ts";
import { blockTargetBytes, RecordsBuilder, type ShardDescription } from "./snapshot-format.ts";

/** Records of a snapshot, encoded. */
export interface RecordsBlock {
  readonly records: Uint8Array;
  readonly keys: number;
}

/** What is copied. It holds on to what it shows until it is released. */
export interface ShardView {
  readonly description: ShardDescription;
  /** In the order of their keys' bytes. May be called once. */
  blocks(): AsyncIterable<RecordsBlock>;
  release(): void;
}

/**
 * Opens a view of a replica of this node, of a point that is not before the call.
 * @throws ApiError when the replica cannot be read, or does not know its slots yet.
 */
export async function openLocalView({ shard, local, store }: HostedShard): Promise<ShardView> {
  await awaitLevel(local.replica, ReadLevel.LINEARIZABLE);
  local.replica.checkServing();
  // Everything is taken from here: store, counters and sessions change together, so they are of one point of the log.
  const snapshot = store.engine.snapshot();
  try {
    const description = await describe(shard, snapshot);
    return {
      description,
      blocks: () => blocksOf(snapshot, description),
      release: () => snapshot.release(),
    };
  } catch (error) {
    snapshot.release();
    throw asReadError(shard, error);
  }
}

async function describe(shard: number, snapshot: Snapshot): Promise<ShardDescription> {
  const ownership = snapshot.getEntrySync(ownershipKey);
  if (snapshot.meta === undefined || ownership === undefined) {
    throw new ApiError({
      reason: "UNAVAILABLE",
      outcome: "NOT_APPLIED",
      message: `shard ${shard} has not been told which slots it owns yet`,
      retryAfterMs: 100,
    });
  }
  const { appliedIndex, revision, logTimeMs, sessionsForgottenThroughMs } = decodeCounters(snapshot.meta);
  let sessionsThroughMs = sessionsForgottenThroughMs;
  for await (const { value } of snapshot.entries({ prefix: sessionPrefix })) {
    sessionsThroughMs = Math.max(sessionsThroughMs, Session.decode(value).openedMs);
  }
  const slots = readOwnSlots(ownership.value).runs;
  return { shard, appliedIndex, revision, logTimeMs, sessionsThroughMs, slots };
}

async function* blocksOf(
  snapshot: Snapshot,
  { shard, logTimeMs, slots }: ShardDescription,
): AsyncGenerator<RecordsBlock, void> {
  const isOwned = (slot: number): boolean => slots.some(({ first, last }) => first <= slot && slot <= last);
  const builder = new RecordsBuilder();
  try {
    for await (const entry of snapshot.entries({ lt: Uint8Array.of(systemKeyByte) })) {
      const { key, value, version } = entry;
      const expiresAtMs = entry.expiresAtMs ?? 0;
      if (!isPresent(expiresAtMs, logTimeMs) || !isOwned(slotOf(key))) continue;
      builder.add({ key, value, revision: version, expiresAtMs });
      if (builder.bytes >= blockTargetBytes) yield builder.take();
    }
  } catch (error) {
    throw asReadError(shard, error);
  }
  if (builder.keys > 0) yield builder.take();
}

/** What went wrong while a replica was read, for whoever takes the backup. */
function asReadError(shard: number, error: unknown): unknown {
  if (error instanceof ApiError) return error;
  if (isDamage(error)) {
    return new ApiError({
      reason: "CORRUPT",
      outcome: "NOT_APPLIED",
      message: `a record of shard ${shard} is damaged on this node; repair it with \`titan check\`, then save again`,
      cause: error,
    });
  }
  // The replica was replaced or closed while it was read.
  return new ApiError({
    reason: "UNAVAILABLE",
    outcome: "NOT_APPLIED",
    message: `shard ${shard} could not be read to its end on this node; save again`,
    cause: error,
  });
}
