/** Stores as the storage engine leaves them, small, and with everything in them that its formats have. */
import { Bitcask, type OpenOptions } from "@titan-kv/bitcask";
import type { FuzzInput } from "../src/fuzz-target.ts";
import { bitcaskFileSystem } from "./bitcask-files.ts";
import { MemoryFiles } from "./memory-files.ts";

/** Where a store lies in the memory of a run. */
export const storeDirectory = "/store";

/** Options under which a store in memory is opened: nothing of it happens by itself. */
export function storeOptions(memory: MemoryFiles): OpenOptions {
  return {
    fileSystem: bitcaskFileSystem(memory),
    durability: "none",
    maxFileBytes: 4096,
    preallocate: false,
    clock: () => 1_700_000_000_000,
    merge: { auto: false },
    hashSeed: 7n,
  };
}

/** Keys of the samples. */
export const sampleKeys: readonly string[] = [
  "a",
  "b",
  "user:1",
  "user:2",
  "gone",
  "expiring",
  "blob",
  "k".repeat(300),
];

async function fill(db: Bitcask, round: number): Promise<void> {
  for (const key of sampleKeys) db.batchSync([{ type: "put", key, value: `${key}=${round}` }]);
  db.batchSync(
    [
      { type: "put", key: "user:1", value: `user:1=batch${round}`, version: 1000 + round },
      { type: "put", key: "expiring", value: `expiring=batch${round}`, expiresAtMs: 1_800_000_000_000 },
      { type: "del", key: "gone" },
    ],
    { meta: Buffer.from(`meta ${round}`) },
  );
  await db.putStream("blob", [Buffer.from("blob="), Buffer.alloc(700, 0x62)]);
  await db.clear({ gte: "user:2", lt: "user:3" });
  db.batchSync([{ type: "put", key: "a", value: "a=" }], { meta: new Uint8Array(0) });
}

/** One store for each way in which a process may leave it. */
export async function sampleStores(): Promise<FuzzInput[]> {
  const samples: FuzzInput[] = [];
  for (const ending of ["closed", "killed", "merged"] as const) {
    const memory = new MemoryFiles();
    // oxlint-disable-next-line no-await-in-loop -- three, made once
    const db = await Bitcask.open(storeDirectory, storeOptions(memory));
    for (let round = 0; round < 4; round += 1) {
      // oxlint-disable-next-line no-await-in-loop -- rounds follow each other
      await fill(db, round);
    }
    // oxlint-disable-next-line no-await-in-loop -- as above
    if (ending === "merged") await db.merge();
    // oxlint-disable-next-line no-await-in-loop -- as above
    await db.flush();
    if (ending === "killed") samples.push(memory.toInput(storeDirectory));
    // oxlint-disable-next-line no-await-in-loop -- as above
    await db.close();
    if (ending !== "killed") samples.push(memory.toInput(storeDirectory));
  }
  return samples;
}
