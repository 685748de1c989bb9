import { Bitcask, BitcaskError } from "@titan-kv/bitcask";
import { Finding, type FuzzInput, type FuzzTarget } from "../src/fuzz-target.ts";
import { pick, type Random } from "../src/random.ts";
import { sealStore } from "../support/bitcask-seals.ts";
import { MemoryFiles } from "../support/memory-files.ts";
import { sampleKeys, sampleStores, storeDirectory, storeOptions } from "../support/sample-store.ts";

/** Says that checksums were put right: what is read then is what the change says, and only the reader's health is at stake. */
const sealedMark = "sealed";

/** Whether a value is one that was written for a key: all of them begin with it. */
function mayBe(key: string, value: Buffer): boolean {
  return value.toString("latin1").startsWith(`${key}=`);
}

function refusal(error: unknown): void {
  if (!(error instanceof BitcaskError)) throw error;
}

async function readAll(db: Bitcask, isSealed: boolean): Promise<void> {
  for (const key of sampleKeys) {
    try {
      const value = db.getSync(key);
      if (value !== undefined && !isSealed && !mayBe(key, value)) {
        throw new Finding(
          `${key} is ${JSON.stringify(value.toString("latin1").slice(0, 60))}, which was never written`,
        );
      }
    } catch (error) {
      refusal(error);
    }
  }
  try {
    for await (const entry of db.entries()) void entry;
  } catch (error) {
    refusal(error);
  }
}

const shapes = [{ ordered: true }, { keydir: "fingerprint" as const }, {}];

/** Opens a changed store in one of the ways there are, reads all of it, writes to it, merges it and opens it again. */
async function useStore(memory: MemoryFiles, isSealed: boolean, random: Random): Promise<void> {
  // Seldom: a reader of a damaged store tries again, in case a writer has just replaced a file, and that takes time.
  const readOnly = random() < 0.01;
  const options = { ...storeOptions(memory), ...pick(random, shapes), readOnly };
  const db = await Bitcask.open(storeDirectory, options);
  try {
    await readAll(db, isSealed);
    if (readOnly) return;
    try {
      await db.put("a", "a=again");
      if (random() < 0.2) await db.merge();
    } catch (error) {
      refusal(error);
    }
  } finally {
    await db.close();
  }
  const again = await Bitcask.open(storeDirectory, options);
  try {
    await readAll(again, isSealed);
  } finally {
    await again.close();
  }
}

/** A store whose data files, hints, manifest or CURRENT were changed. */
export const bitcaskStore: FuzzTarget = {
  name: "bitcask-store",
  seeds: sampleStores,
  reseal: (input) => [...sealStore(input), { name: sealedMark, bytes: Buffer.alloc(0) }],
  async run(input: FuzzInput, random) {
    const files = input.filter(({ name }) => name !== sealedMark);
    const memory = MemoryFiles.of(files, storeDirectory);
    try {
      await useStore(memory, files.length < input.length, random);
    } finally {
      memory.checkWork();
    }
  },
  isRefusal: (error) => error instanceof BitcaskError,
  // The keydir, write buffers and read windows of three stores, whatever is in them.
  maxAllocatedBytes: (inputBytes) => 64 * 1024 * 1024 + 64 * inputBytes,
};
