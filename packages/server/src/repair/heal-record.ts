/**
 * Heals a record that is damaged on this replica only.
 *
 * In a Raft store a value must never be "repaired" by writing it: what looks like a missing or old value is usually a replica
 * that lags, or a newer delete, and the write would bring deleted keys back. What may be repaired is damage: the record
 * is there, its checksum says that it is not what was written, and every other replica has it. So exactly that record is
 * fetched from another replica and put in the local store, beside the log, at the state in which it belongs:
 *
 * 1. the other replica answers with its record as of an index at or past everything that is applied here;
 * 2. this replica waits until it has applied that index too;
 * 3. what is applied goes to the store, so that data and counters stay in step there whatever is added;
 * 4. if the key was written or deleted here since the damage was seen, there is nothing to heal any more, and the fetched
 *    record is thrown away.
 */
import type { ShardStore, StoredEntry } from "../shard/shard-store.ts";
import type { HostedShard } from "../node/hosted-replica.ts";
import { awaitApplied } from "./await-applied.ts";
import { isDamage } from "./key-fingerprint.ts";

/** A record as another replica holds it. */
export interface FetchedRecord {
  /** `undefined` when the other replica has no such key. */
  readonly entry: StoredEntry | undefined;
  /** What the other replica had applied when it read the record, confirmed by the shard's leader. */
  readonly appliedIndex: number;
}

/** Asks another replica of the shard. */
export type FetchRecord = (shard: number, key: Uint8Array) => Promise<FetchedRecord>;

/** The other replicas do not have the record either: this is not damage but divergence. */
export class DivergenceError extends Error {
  override readonly name = "DivergenceError";
}

/** Resolves when the record is sound again. @throws DivergenceError, or what `fetch` throws. */
export async function healRecord(hosted: HostedShard, key: Uint8Array, fetch: FetchRecord): Promise<void> {
  const { store } = hosted;
  const { machine } = hosted.local.replica;
  let wasWritten = false;
  const unwatch = store.watchKey(key, () => (wasWritten = true));
  try {
    const { entry, appliedIndex } = await fetch(hosted.shard, key);
    await awaitApplied(machine, appliedIndex);
    machine.settle();
    if (wasWritten || !isDamaged(store, key)) return;
    const meta = store.meta();
    if (entry === undefined || meta === undefined) {
      throw new DivergenceError(
        `shard ${hosted.shard} holds a damaged record of a key that no other replica has; the replica must be replaced`,
      );
    }
    const { value, version, expiresAtMs } = entry;
    store.write([{ type: "put", key, value, version, expiresAtMs }], meta);
  } finally {
    unwatch();
  }
}

function isDamaged(store: Pick<ShardStore, "getEntry">, key: Uint8Array): boolean {
  try {
    store.getEntry(key);
    return false;
  } catch (error) {
    if (isDamage(error)) return true;
    throw error;
  }
}
