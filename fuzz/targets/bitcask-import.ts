import { Bitcask, BitcaskError } from "@titan-kv/bitcask";
import { bytesOf, type FuzzTarget, single } from "../src/fuzz-target.ts";
import { inPieces } from "../support/pieces.ts";
import { sealRecords } from "../support/bitcask-seals.ts";
import { MemoryFiles } from "../support/memory-files.ts";
import { sampleStores, storeDirectory, storeOptions } from "../support/sample-store.ts";

async function exported(files: Awaited<ReturnType<typeof sampleStores>>[number]): Promise<Buffer> {
  const db = await Bitcask.open(storeDirectory, storeOptions(MemoryFiles.of(files, storeDirectory)));
  const pieces: Uint8Array[] = [];
  for await (const piece of db.exportStream()) pieces.push(Buffer.from(piece));
  await db.close();
  return Buffer.concat(pieces);
}

/** An export that is read into an empty store. */
export const bitcaskImport: FuzzTarget = {
  name: "bitcask-import",
  async seeds() {
    const stores = await sampleStores();
    return (await Promise.all(stores.map(exported))).map(single);
  },
  reseal(input) {
    const bytes = Buffer.from(bytesOf(input));
    sealRecords(bytes);
    return single(bytes);
  },
  async run(input, random) {
    const memory = new MemoryFiles();
    const db = await Bitcask.open(storeDirectory, storeOptions(memory));
    try {
      await db.importStream(inPieces(bytesOf(input), random));
      for await (const entry of db.entries()) void entry;
    } finally {
      await db.close();
      memory.checkWork();
    }
  },
  isRefusal: (error) => error instanceof BitcaskError,
  // The keydir and the write buffers of a store, whatever is in it.
  maxAllocatedBytes: (inputBytes) => 32 * 1024 * 1024 + 64 * inputBytes,
};
