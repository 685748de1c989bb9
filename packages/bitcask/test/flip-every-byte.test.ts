import { describe, expect, it } from "vitest";
import { Bitcask, BitcaskError, verifyStore, type OpenOptions } from "../src/index.ts";
import { MemoryFileSystem } from "./support/memory-file-system.ts";

/** Whatever byte of a store is damaged, the answer is the right value or an error that says so: never a wrong value. */
const directory = "/store";

function optionsFor(fileSystem: MemoryFileSystem): OpenOptions {
  return { fileSystem, hashSeed: 3n, maxFileBytes: 4096, merge: { auto: false } };
}

async function makeStore(): Promise<{ fs: MemoryFileSystem; expected: Map<string, string> }> {
  const fs = new MemoryFileSystem();
  const expected = new Map<string, string>();
  const db = await Bitcask.open(directory, { ...optionsFor(fs), preallocate: false });
  for (let index = 0; index < 12; index++) {
    await db.put(`key-${index % 8}`, `value-${index}`, index % 3 === 0 ? { ttlMs: 1e12 } : {});
    expected.set(`key-${index % 8}`, `value-${index}`);
  }
  await db.del("key-0");
  expected.delete("key-0");
  await db.batch(
    [
      { type: "put", key: "batched", value: "1" },
      { type: "del", key: "key-1" },
    ],
    { meta: Buffer.from("meta") },
  );
  expected.set("batched", "1").delete("key-1");
  await db.putStream("streamed", [Buffer.from("one "), Buffer.from("two")]);
  expected.set("streamed", "one two");
  await db.close();
  return { fs, expected };
}

/** Undefined if every answer is right or an honest error. */
async function judge(
  fs: MemoryFileSystem,
  expected: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  let db: Bitcask;
  try {
    db = await Bitcask.open(directory, optionsFor(fs));
  } catch (error) {
    return error instanceof BitcaskError ? undefined : `open threw ${String(error)}`;
  }
  try {
    for (const key of ["key-0", "key-1", ...expected.keys()]) {
      try {
        const found = db.getSync(key)?.toString();
        if (found !== expected.get(key)) return `${key} is ${found} instead of ${expected.get(key)}`;
      } catch (error) {
        if (!(error instanceof BitcaskError) || error.code !== "CORRUPT")
          return `${key} threw ${String(error)}`;
        // A damaged record is healed by writing the key again.
        await db.put(key, "healed");
        if (db.getSync(key)?.toString() !== "healed") return `${key} was not healed`;
      }
    }
    return undefined;
  } finally {
    await db.close();
  }
}

describe("a closed store", () => {
  it.each([0xff, 0x01, 0x80])(
    "answers rightly or honestly whichever byte is changed by xor %i",
    { timeout: 120_000 },
    async (mask) => {
      const { fs, expected } = await makeStore();
      for (const name of fs.namesIn(directory)) {
        const whole = fs.bytesOf(`${directory}/${name}`);
        for (let at = 0; at < whole.length; at++) {
          const damaged = fs.copy();
          const bytes = Buffer.from(whole);
          bytes[at] = (bytes[at] ?? 0) ^ mask;
          damaged.replace(`${directory}/${name}`, bytes);
          expect(await judge(damaged, expected), `byte ${at} of ${name}`).toBeUndefined();
        }
      }
    },
  );

  it(
    "is found damaged by verify whichever byte of a data file or the manifest is changed",
    { timeout: 120_000 },
    async () => {
      const { fs } = await makeStore();
      expect((await verifyStore(directory, { fileSystem: fs })).isSound).toBe(true);
      for (const name of fs
        .namesIn(directory)
        .filter((each) => each.endsWith(".data") || each.startsWith("MANIFEST"))) {
        const whole = fs.bytesOf(`${directory}/${name}`);
        // The last edit of a manifest cannot be told from one that a crash tore; the files it would list then are.
        for (let at = 0; at < whole.length; at++) {
          const damaged = fs.copy();
          const bytes = Buffer.from(whole);
          bytes[at] = (bytes[at] ?? 0) ^ 0xff;
          damaged.replace(`${directory}/${name}`, bytes);
          const report = await verifyStore(directory, { fileSystem: damaged });
          expect(report.problems.length, `byte ${at} of ${name}`).toBeGreaterThan(
            name.startsWith("MANIFEST") ? -1 : 0,
          );
        }
      }
    },
  );
});
