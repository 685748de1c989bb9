import { describe, expect, it } from "vitest";
import { changingCalls, MachineDied, MemoryFileSystem } from "../../test/support/memory-file-system.ts";
import { Bitcask, BitcaskError, type OpenOptions } from "../index.ts";

const options = (fileSystem: MemoryFileSystem): OpenOptions => ({
  fileSystem,
  hashSeed: 3n,
  maxFileBytes: 4096,
  merge: { auto: false },
});

async function filled(fs: MemoryFileSystem): Promise<Bitcask> {
  const db = await Bitcask.open("/store", options(fs));
  for (let index = 0; index < 40; index++)
    await db.put(`key-${index % 20}`, `${index}`.padEnd(300, "x"), { sync: false });
  await db.batch([{ type: "put", key: "last", value: "1" }], { meta: Buffer.from("meta") });
  return db;
}

async function summaryOf(fs: MemoryFileSystem, directory: string): Promise<unknown> {
  const db = await Bitcask.open(directory, { ...options(fs), createIfMissing: false });
  const summary = [
    db.size,
    db.getSync("key-19")?.toString().slice(0, 2),
    Buffer.from(db.lastMeta() ?? []).toString(),
  ];
  await db.close();
  return summary;
}

const noStoreCodes: ReadonlySet<string> = new Set(["NOT_A_STORE", "DIRECTORY_MISSING", "CORRUPT_MANIFEST"]);
const whole = [21, "39", "meta"];

describe("a checkpoint", () => {
  it("is a state not older than the call, whatever is merged and written while it is made and afterwards", async () => {
    const fs = new MemoryFileSystem();
    const db = await filled(fs);
    const making = db.checkpoint("/copy");
    await Promise.all([making, db.merge({ force: true })]);
    await db.put("later", "1");
    await db.clear();
    await db.merge({ force: true });
    expect(await summaryOf(fs, "/copy")).toEqual(whole);
    await db.close();
  });

  it("copies bytes where there are no hard links", async () => {
    const fs = new MemoryFileSystem();
    const db = await filled(fs);
    fs.plan = (call) => (call.kind === "link" ? { error: "EXDEV" } : undefined);
    await db.checkpoint("/copy");
    fs.plan = () => undefined;
    expect(await summaryOf(fs, "/copy")).toEqual(whole);
    expect(await summaryOf(fs.afterPowerLoss("dropped", 1), "/copy")).toEqual(whole);
    await db.close();
  });

  it("interrupted by power loss at any call is no store, or a complete one", async () => {
    const reference = new MemoryFileSystem();
    const db = await filled(reference);
    const before = reference.changes;
    await db.checkpoint("/copy");
    const calls = reference.changes - before;
    await db.close();
    for (let crashAt = 0; crashAt < calls; crashAt++) {
      const fs = new MemoryFileSystem();
      const crashing = await filled(fs);
      const start = fs.changes;
      fs.plan = (call) =>
        changingCalls.has(call.kind) && fs.changes === start + crashAt ? "crash" : undefined;
      await expect(crashing.checkpoint("/copy")).rejects.toMatchObject({ cause: expect.any(MachineDied) });
      for (const kind of ["dropped", "kept", "reordered"] as const) {
        const image = fs.afterPowerLoss(kind, crashAt);
        const found = await summaryOf(image, "/copy").catch((error: unknown) => error);
        const isNoStore = found instanceof BitcaskError && noStoreCodes.has(found.code);
        expect(isNoStore ? whole : found).toEqual(whole);
      }
    }
  });
});
