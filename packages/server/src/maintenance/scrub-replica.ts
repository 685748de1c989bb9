/** Reads every record of a replica as it is on the disk, and heals what is damaged. */
import type { Bitcask } from "@titan-kv/bitcask";
import type { HostedShard } from "../node/hosted-replica.ts";
import type { Repairer } from "../repair/repairer.ts";
import { isDamage } from "../repair/key-fingerprint.ts";
import { systemKeyByte } from "../shard/shard-store.ts";

/** Records read at a time. */
const readAhead = 64;
/** Records between two reports. */
const reportEvery = 4096;

/** How far a scrub is, or what it came to. */
export interface ScrubProgress {
  readonly records: number;
  readonly damaged: number;
  readonly repaired: number;
  /** Why something that is damaged stayed so; empty when nothing did. */
  readonly problem: string;
}

/** Yields progress now and then, and the result at the end. Never throws for damage. */
export async function* scrubReplica(
  hosted: HostedShard,
  heal: Repairer["heal"],
  signal: AbortSignal,
): AsyncGenerator<ScrubProgress, void> {
  const progress = { records: 0, damaged: 0, repaired: 0, problem: "" };
  using snapshot = hosted.store.engine.snapshot();
  const healOne = async (key: Uint8Array, error: unknown): Promise<void> => {
    if (!isDamage(error)) throw error;
    progress.damaged += 1;
    try {
      if (key[0] === systemKeyByte) throw new Error("a record of the shard's own cannot be fetched");
      await heal(hosted.local.replica, key, error);
      progress.repaired += 1;
    } catch (failure) {
      progress.problem = (failure as Error).message;
    }
  };
  let keys: Uint8Array[] = [];
  const read = async (): Promise<void> => {
    const failures = await readAll(hosted.store.engine, keys);
    progress.records += keys.length;
    keys = [];
    for (const { key, error } of failures) {
      // oxlint-disable-next-line no-await-in-loop -- each fetches a record from another node; few are damaged
      await healOne(key, error);
    }
  };
  // Keys come from the index, in memory; records are then read as they are now, and may have changed or gone since.
  for await (const key of snapshot.keys()) {
    signal.throwIfAborted();
    keys.push(key);
    if (keys.length < readAhead) continue;
    await read();
    if (progress.records % reportEvery === 0) yield { ...progress };
  }
  await read();
  yield { ...progress };
}

async function readAll(
  engine: Bitcask,
  keys: readonly Uint8Array[],
): Promise<{ readonly key: Uint8Array; readonly error: unknown }[]> {
  const reads = await Promise.allSettled(keys.map((key) => engine.getEntry(key)));
  return reads.flatMap((result, index) =>
    result.status === "rejected" ? [{ key: keys[index]!, error: result.reason as unknown }] : [],
  );
}
