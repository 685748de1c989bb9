/**
 * What a replica holds, slot by slot, in a few bytes each: the sum of the hashes of all records. A sum does not depend on the
 * order in which records are met, and every record is read to compute it, so damage that nobody has met yet is found on
 * the way.
 */
import { crc32 } from "node:zlib";
import type { Snapshot } from "@titan-kv/bitcask";
import { slotOf } from "@titan-kv/ring";
import { systemKeyByte } from "../shard/shard-store.ts";

const twoTo32 = 2n ** 32n;

/** Digest of each slot that holds keys. */
export type SlotDigests = ReadonlyMap<number, bigint>;

/** Two hashes of a record that go wrong independently: of the key with its attributes, and of the value. */
function hashesOf(entry: {
  key: Uint8Array;
  value: Uint8Array;
  version: number;
  expiresAtMs: number | undefined;
}): [number, number] {
  const attributes = Buffer.from(`${entry.version} ${entry.expiresAtMs ?? 0}`);
  const keyHash = crc32(attributes, crc32(entry.key));
  return [keyHash, crc32(entry.value, keyHash)];
}

/** Reads the whole snapshot, letting other work in between, and releases it. @throws the engine's CORRUPT. */
export async function digestSlots(snapshot: Snapshot): Promise<SlotDigests> {
  const sums = new Map<number, [number, number]>();
  try {
    for await (const entry of snapshot.entries()) {
      if (entry.key[0] === systemKeyByte) continue;
      const slot = slotOf(entry.key);
      const sum = sums.get(slot) ?? [0, 0];
      const [first, second] = hashesOf(entry);
      sums.set(slot, [(sum[0] + first) >>> 0, (sum[1] + second) >>> 0]);
    }
  } finally {
    snapshot.release();
  }
  return new Map(
    [...sums].map(([slot, [first, second]]) => [slot, BigInt(first) * twoTo32 + BigInt(second)]),
  );
}

/** The slots in which two replicas differ, ascending. */
export function differingSlots(a: SlotDigests, b: SlotDigests): number[] {
  const slots = new Set([...a.keys(), ...b.keys()]);
  return [...slots].filter((slot) => a.get(slot) !== b.get(slot)).toSorted((x, y) => x - y);
}
