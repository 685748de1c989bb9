import { describe, expect, it } from "vitest";

import { Bitcask } from "../src/index.ts";
import { MemoryFileSystem } from "./support/memory-file-system.ts";

const mebibyte = 1024 * 1024;

/** A store of two files, 1.5 MiB of live records in all, and the same again dead. */
async function openFilled(fileSystem: MemoryFileSystem): Promise<Bitcask> {
  const db = await Bitcask.open("/store", {
    fileSystem,
    maxFileBytes: 2 * mebibyte,
    durability: "none",
    merge: { auto: false, maxBytesPerSecond: Number.POSITIVE_INFINITY },
  });
  for (let index = 0; index < 600; index++) void db.put(`key-${index % 300}`, Buffer.alloc(5000, index));
  await db.flush();
  return db;
}

describe("a merge of more than its sync step", () => {
  it("makes its output durable in steps, so that writers never wait behind a sync of a whole file", async () => {
    const fileSystem = new MemoryFileSystem();
    const db = await openFilled(fileSystem);
    let unsynced = 0;
    let most = 0;
    let syncs = 0;
    const inputs = new Set(fileSystem.list("/store"));
    fileSystem.plan = ({ kind, path }) => {
      if (!path.endsWith(".data") || inputs.has(path.slice("/store/".length))) return undefined;
      if (kind === "write") most = Math.max(most, ++unsynced);
      if (kind !== "sync") return undefined;
      syncs++;
      unsynced = 0;
      return undefined;
    };
    await db.merge({ force: true });
    // A write takes what fits into 256 KiB, a step is the first write with which there is as much: 1.5 MiB takes four or more.
    expect(syncs).toBeGreaterThanOrEqual(4);
    expect(most).toBeLessThanOrEqual(4);
    fileSystem.plan = () => undefined;
    for (let index = 0; index < 300; index++)
      expect(db.getSync(`key-${index}`)?.equals(Buffer.alloc(5000, index + 300))).toBe(true);
    await db.close();
  });

  it("is given up when a step fails, and nothing has changed", async () => {
    const fileSystem = new MemoryFileSystem();
    const db = await openFilled(fileSystem);
    const before = fileSystem.list("/store")?.toSorted();
    const inputs = new Set(before);
    let syncs = 0;
    fileSystem.plan = ({ kind, path }) => {
      const isOutput = path.endsWith(".data") && !inputs.has(path.slice("/store/".length));
      return isOutput && kind === "sync" && ++syncs === 2 ? { error: "EIO" } : undefined;
    };
    await expect(db.merge({ force: true })).rejects.toMatchObject({ code: "IO_ERROR" });
    fileSystem.plan = () => undefined;
    for (let index = 0; index < 300; index++)
      expect(db.getSync(`key-${index}`)?.equals(Buffer.alloc(5000, index + 300))).toBe(true);
    await db.put("still", "writable");
    expect((await db.merge({ force: true })).recordsKept).toBeGreaterThanOrEqual(300);
    await db.close();
  });
});

describe("zeros written ahead", () => {
  it("are at most 64 KiB in a small store, and never more than the file has bytes", async () => {
    const fileSystem = new MemoryFileSystem();
    const db = await Bitcask.open("/store", { fileSystem, merge: { auto: false } });
    const logBytes = (): number => fileSystem.sizeOf("/store/0000000001.data") ?? 0;
    await db.put("first", "value");
    expect(logBytes()).toBeLessThanOrEqual(66_000);
    for (let index = 0; index < 100; index++) {
      // oxlint-disable-next-line eslint/no-await-in-loop -- each is a group of its own
      await db.put(`key-${index}`, Buffer.alloc(5000));
      const written = db.stats().totalBytes;
      expect(logBytes()).toBeLessThanOrEqual(written + Math.max(65_536, written));
    }
    expect(logBytes()).toBeGreaterThan(db.stats().totalBytes);
    await db.close();
  });
});
