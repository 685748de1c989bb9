import { describe, expect, it } from "vitest";
import { MemoryFileSystem } from "../../test/support/memory-file-system.ts";
import { Bitcask, BitcaskError, type OpenOptions } from "../index.ts";

const options = (fileSystem: MemoryFileSystem, more: OpenOptions = {}): OpenOptions => ({
  fileSystem,
  hashSeed: 3n,
  merge: { auto: false },
  ...more,
});

/** Counts the calls on data files that a piece of work makes. */
async function callsOf(fs: MemoryFileSystem, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  fs.plan = (call) => {
    if (call.path.endsWith(".data")) counts[call.kind] = (counts[call.kind] ?? 0) + 1;
    return undefined;
  };
  await work();
  fs.plan = () => undefined;
  return counts;
}

describe("group commit", () => {
  it("makes one write and one sync for a single durable put, and nothing else", async () => {
    const fs = new MemoryFileSystem();
    const db = await Bitcask.open("/store", options(fs));
    await db.put("warm", "up");
    expect(await callsOf(fs, () => db.put("key", "value"))).toEqual({ write: 1, sync: 1 });
    await db.close();
  });

  it("makes one write and one sync for all puts of a turn, and one more for all that come while that sync runs", async () => {
    const fs = new MemoryFileSystem();
    const db = await Bitcask.open("/store", options(fs));
    await db.put("warm", "up");
    const callers = Array.from({ length: 50 }, async (_, caller) => {
      await db.put(`first-${caller}`, "value");
      await db.put(`second-${caller}`, "value");
    });
    expect(await callsOf(fs, () => Promise.all(callers))).toEqual({ write: 2, sync: 2 });
    expect(db.size).toBe(101);
    await db.close();
  });

  it("shows a put to readers only once it is as durable as was asked for", async () => {
    const fs = new MemoryFileSystem();
    const db = await Bitcask.open("/store", options(fs));
    await db.put("key", "old");
    let seenDuringSync: string | undefined;
    fs.plan = (call) => {
      if (call.kind === "sync") seenDuringSync = db.getSync("key")?.toString();
      return undefined;
    };
    const done = db.put("key", "new");
    expect(db.getSync("key")?.toString()).toBe("old");
    await done;
    fs.plan = () => undefined;
    expect([seenDuringSync, db.getSync("key")?.toString()]).toEqual(["old", "new"]);
    await db.close();
  });

  it("shows nothing of a group whose sync failed", async () => {
    const fs = new MemoryFileSystem();
    const db = await Bitcask.open("/store", options(fs));
    await db.put("key", "old");
    fs.plan = (call) => (call.kind === "sync" ? { error: "EIO" } : undefined);
    const results = await Promise.allSettled([db.put("key", "new"), db.del("key"), db.put("other", "1")]);
    expect(results.every((result) => result.status === "rejected")).toBe(true);
    expect([db.getSync("key")?.toString(), db.size]).toEqual(["old", 1]);
    await db.close();
  });

  it("keeps the order of writes with and without sync, and of synchronous batches among them", async () => {
    const fs = new MemoryFileSystem();
    const db = await Bitcask.open("/store", options(fs));
    const pending = [db.put("key", "1"), db.put("key", "2", { sync: false }), db.put("key", "3")];
    db.batchSync([{ type: "put", key: "key", value: "4" }]);
    expect(db.getSync("key")?.toString()).toBe("4");
    pending.push(db.put("key", "5"));
    await Promise.all(pending);
    expect(db.getSync("key")?.toString()).toBe("5");
    await db.close();
    const again = await Bitcask.open("/store", options(fs));
    expect(again.getSync("key")?.toString()).toBe("5");
    await again.close();
  });

  it("judges conditions by what pending writes will have done", async () => {
    const fs = new MemoryFileSystem();
    const db = await Bitcask.open("/store", options(fs));
    const results = await Promise.allSettled([
      db.put("key", "first", { ifAbsent: true }),
      db.put("key", "second", { ifAbsent: true }),
      db.del("key"),
      db.put("key", "third", { ifAbsent: true, version: 7 }),
      db.put("key", "fourth", { ifVersion: 7 }),
      db.clear({ gte: "k" }),
      db.put("key", "fifth", { ifAbsent: true, ttlMs: 1e9 }),
      db.batch([
        { type: "put", key: "other", value: "1" },
        { type: "del", key: "key", ifVersion: 7 },
      ]),
    ]);
    expect(results.map((result) => result.status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
      "fulfilled",
      "fulfilled",
      "fulfilled",
      "rejected",
    ]);
    expect([db.getSync("key")?.toString(), db.getSync("other")]).toEqual(["fifth", undefined]);
    await db.close();
  });

  it("lets exactly one of many callers increment a counter at a time", async () => {
    const db = await Bitcask.open("/store", options(new MemoryFileSystem()));
    await db.put("counter", "0");
    const increment = async (): Promise<void> => {
      for (;;) {
        const entry = await db.getEntry("counter");
        try {
          await db.put("counter", String(Number(entry?.value.toString()) + 1), {
            ifVersion: entry?.version ?? 0,
          });
          return;
        } catch (error) {
          if (!(error instanceof BitcaskError) || error.code !== "CONDITION_FAILED") throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: 20 }, increment));
    expect(db.getSync("counter")?.toString()).toBe("20");
    await db.close();
  });

  it(
    "refuses with BUSY when more waits than may, and serves again afterwards",
    { timeout: 60_000 },
    async () => {
      const fs = new MemoryFileSystem();
      const db = await Bitcask.open("/store", options(fs, { maxFileBytes: 2 ** 32 }));
      const large = Buffer.alloc(16 * 1024 * 1024);
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) => db.put(`large-${index}`, large)),
      );
      const reasons: unknown[] = results.map((result) => (result.status === "rejected" ? result.reason : ""));
      expect(reasons.some((reason) => reason instanceof BitcaskError && reason.code === "BUSY")).toBe(true);
      await db.put("small", "fits again");
      await db.close();
    },
  );

  it("flush makes unsynced writes durable and tells the metadata that now is", async () => {
    const fs = new MemoryFileSystem();
    const db = await Bitcask.open("/store", options(fs, { durability: "none" }));
    db.batchSync([{ type: "put", key: "a", value: "1" }], { meta: Buffer.from("one") });
    const flushed = db.flush();
    db.batchSync([{ type: "put", key: "a", value: "2" }], { meta: Buffer.from("two") });
    expect(Buffer.from((await flushed) ?? []).toString()).toBe("one");
    expect(Buffer.from(db.lastMeta() ?? []).toString()).toBe("two");
    const after = await Bitcask.open("/store", options(fs.afterPowerLoss("dropped", 1)));
    expect([after.getSync("a")?.toString(), Buffer.from(after.lastMeta() ?? []).toString()]).toEqual([
      "1",
      "one",
    ]);
    await after.close();
    await db.close();
  });

  it("lets timers run although somebody awaits unsynced puts in an endless loop", async () => {
    const db = await Bitcask.open("/store", options(new MemoryFileSystem(), { durability: "none" }));
    const over = new AbortController();
    setTimeout(() => over.abort(), 5);
    let puts = 0;
    while (!over.signal.aborted) await db.put(`key-${puts++ % 10}`, "value");
    expect(puts).toBeGreaterThan(0);
    await db.close();
  });
});
