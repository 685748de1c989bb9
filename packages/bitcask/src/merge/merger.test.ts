import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { MemoryFileSystem } from "../../test/support/memory-file-system.ts";
import { Bitcask, type BitcaskEvent, type MergePolicy } from "../index.ts";

async function openFilled(merge: MergePolicy): Promise<{ db: Bitcask; events: BitcaskEvent[] }> {
  const events: BitcaskEvent[] = [];
  const db = await Bitcask.open("/store", {
    fileSystem: new MemoryFileSystem(),
    maxFileBytes: 4096,
    durability: "none",
    merge,
    onEvent: (event) => events.push(event),
  });
  for (let index = 0; index < 100; index++) await db.put(`key-${index % 5}`, "x".repeat(300));
  await db.flush();
  return { db, events };
}

const eventOf = (db: Bitcask, type: BitcaskEvent["type"]): Promise<BitcaskEvent> =>
  new Promise((resolve) => {
    db.subscribe((event) => {
      if (event.type === type) resolve(event);
    });
  });

describe("merging", () => {
  it("starts by itself when there is something to win", async () => {
    const { db } = await openFilled({ checkIntervalMs: 5 });
    expect(await eventOf(db, "mergeFinished")).toMatchObject({
      result: { bytesReclaimed: expect.any(Number) },
    });
    expect(db.getSync("key-4")).toHaveLength(300);
    await db.close();
  });

  it("does not start outside its window", async () => {
    const hour = new Date().getHours();
    const { db, events } = await openFilled({
      checkIntervalMs: 2,
      window: { fromHour: (hour + 12) % 24, toHour: (hour + 13) % 24 },
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(events.map((event) => event.type)).not.toContain("mergeStarted");
    expect((await db.merge()).inputs.length).toBeGreaterThan(0);
    await db.close();
  });

  it("tells its progress, and is given up by close without harm", async () => {
    const { db, events } = await openFilled({ auto: false });
    const merging = db.merge({ force: true, maxBytesPerSecond: 2000 });
    await eventOf(db, "mergeStarted");
    const closing = db.close();
    await expect(merging).rejects.toMatchObject({ code: "CANCELLED" });
    await closing;
    expect(events.map((event) => event.type)).toContain("mergeFailed");
  });

  it("is one at a time: a second call gets the result of the first", async () => {
    const { db, events } = await openFilled({ auto: false });
    const results = await Promise.all([db.merge(), db.merge()]);
    expect(results[0]).toBe(results[1]);
    expect(events.filter((event) => event.type === "mergeStarted")).toHaveLength(1);
    expect(db.stats().lastMerge).toBe(results[0]);
    await db.close();
  });

  it("waits for the running one when forced, and neither does the other's work again", async () => {
    const { db, events } = await openFilled({ auto: false });
    const [first, second] = await Promise.all([db.merge({ force: true }), db.merge({ force: true })]);
    expect(first.inputs.length).toBeGreaterThan(3);
    expect(second.inputs.filter((fileId) => first.inputs.includes(fileId))).toEqual([]);
    const order = events
      .map((event) => event.type)
      .filter((type) => type === "mergeStarted" || type === "mergeFinished");
    expect(order.slice(0, 2)).toEqual(["mergeStarted", "mergeFinished"]);
    expect(db.size).toBe(5);
    await db.close();
  });

  it("and a checkpoint get done although writers never pause", { timeout: 20_000 }, async () => {
    // A real disk: its syncs let the event loop turn, as one in memory does not.
    const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "bitcask-busy-"));
    const db = await Bitcask.open(path.join(scratch, "store"), {
      maxFileBytes: 4096,
      merge: { auto: false },
    });
    await Promise.all(Array.from({ length: 100 }, (_, index) => db.put(`key-${index % 5}`, "x".repeat(300))));
    const over = new AbortController();
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let index = 0; !over.signal.aborted; index++)
        await db.put(`busy-${writer}-${index % 50}`, "x".repeat(100), { sync: true });
    });
    expect((await db.merge({ force: true })).inputs.length).toBeGreaterThan(0);
    expect((await db.checkpoint(path.join(scratch, "copy"))).files).toBeGreaterThan(0);
    over.abort();
    await Promise.all(writers);
    await db.close();
    fs.rmSync(scratch, { recursive: true });
  });

  it("keeps the files a snapshot needs until it is released", async () => {
    const { db } = await openFilled({ auto: false });
    const snapshot = db.snapshot();
    const filesBefore = db.stats().files;
    await db.put("key-0", "new");
    await db.merge({ force: true });
    expect(db.stats().files).toBeGreaterThan(filesBefore);
    expect(snapshot.getSync("key-0")).toHaveLength(300);
    snapshot.release();
    expect(db.stats().files).toBeLessThan(filesBefore);
    await db.close();
  });
});

it("interval durability syncs by itself", async () => {
  const disk = new MemoryFileSystem();
  const db = await Bitcask.open("/store", {
    fileSystem: disk,
    durability: "interval",
    syncIntervalMs: 5,
    merge: { auto: false },
  });
  await db.put("key", "value");
  while (db.stats().durableSeq === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  const after = await Bitcask.open("/store", {
    fileSystem: disk.afterPowerLoss("dropped", 1),
    merge: { auto: false },
  });
  expect(after.getSync("key")?.toString()).toBe("value");
  await after.close();
  await db.close();
});
