import { describe, expect, it } from "vitest";
import { MemoryFileSystem } from "../../test/support/memory-file-system.ts";
import { Bitcask, type OpenOptions } from "../index.ts";

const options = (fileSystem: MemoryFileSystem): OpenOptions => ({
  fileSystem,
  hashSeed: 3n,
  merge: { auto: false },
  preallocate: false,
});

/** Lets a write to a matching file take all but `shortBy` bytes and then fail. */
function breakWrite(fs: MemoryFileSystem, pattern: RegExp, shortBy: number): void {
  let writes = 0;
  fs.plan = (call) => {
    if (call.kind !== "write" || !pattern.test(call.path)) return undefined;
    writes++;
    if (writes === 1) return { shortBy };
    return writes === 2 ? { error: "EIO" } : undefined;
  };
}

/** Keys found after power loss, for many ways in which the disk may have kept unsynced changes. */
async function keysAfterPowerLoss(fs: MemoryFileSystem): Promise<Set<string>> {
  const keys = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const db = await Bitcask.open("/store", options(fs.afterPowerLoss("reordered", seed)));
    for await (const key of db.keys()) keys.add(key.toString());
    await db.close();
  }
  return keys;
}

describe("a write that fails half way", () => {
  it("leaves nothing that power loss could bring back, although whole records of it had been written", async () => {
    const fs = new MemoryFileSystem();
    const db = await Bitcask.open("/store", options(fs));
    await db.put("safe", "1");
    breakWrite(fs, /\.data$/, 20);
    const results = await Promise.allSettled([db.put("refused-1", "1"), db.put("refused-2", "2")]);
    for (const result of results)
      expect(result).toMatchObject({
        status: "rejected",
        reason: { code: "IO_ERROR", outcome: "not-applied" },
      });
    expect(await keysAfterPowerLoss(fs)).toEqual(new Set(["safe"]));
    db.resume();
    await db.put("later", "3");
    await db.close();
  });

  it("of the manifest leaves no edit that power loss could bring into effect", async () => {
    const fs = new MemoryFileSystem();
    const db = await Bitcask.open("/store", { ...options(fs), maxFileBytes: 4096 });
    for (let index = 0; index < 30; index++) await db.put(`key-${index % 3}`, "x".repeat(300));
    await db.flush();
    const calls: string[] = [];
    fs.plan = (call) => {
      if (!call.path.includes("MANIFEST")) return undefined;
      calls.push(call.kind);
      return calls.length === 1 ? { lateError: "EIO" } : undefined;
    };
    await expect(db.merge()).rejects.toMatchObject({ code: "IO_ERROR" });
    fs.plan = () => undefined;
    expect(calls).toEqual(["write", "truncate", "sync"]);
    expect(await keysAfterPowerLoss(fs)).toEqual(new Set(["key-0", "key-1", "key-2"]));
    await db.close();
  });

  it("fails the writes behind it too, for they may have been judged by it", async () => {
    const fs = new MemoryFileSystem();
    const db = await Bitcask.open("/store", options(fs));
    await db.put("safe", "1");
    breakWrite(fs, /\.data$/, 5);
    const first = db.put("key", "1", { version: 5 });
    const second = db.put("key", "2", { ifVersion: 5 });
    await expect(first).rejects.toMatchObject({ outcome: "not-applied" });
    await expect(second).rejects.toMatchObject({ outcome: "not-applied" });
    expect(db.getSync("key")).toBeUndefined();
    await db.close();
  });
});
