import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { decodeFileHeader, fileHeaderBytes } from "../src/format/file-header.ts";
import { checksum } from "../src/format/checksum.ts";
import { Bitcask, repairStore, verifyStore, type BitcaskEvent, type OpenOptions } from "../src/index.ts";
import { MemoryFileSystem } from "./support/memory-file-system.ts";

/** Every code that the README documents, as a caller meets it. */
const directory = "/store";

function memory(fileSystem: MemoryFileSystem, more: OpenOptions = {}): OpenOptions {
  return { fileSystem, hashSeed: 3n, maxFileBytes: 4096, merge: { auto: false }, ...more };
}

async function filled(count = 5): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem();
  const db = await Bitcask.open(directory, memory(fileSystem));
  for (let index = 0; index < count; index++) await db.put(`key-${index}`, `value-${index}`);
  await db.close();
  return fileSystem;
}

function damage(fileSystem: MemoryFileSystem, name: string, at: number): void {
  const bytes = Buffer.from(fileSystem.bytesOf(`${directory}/${name}`));
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  fileSystem.replace(`${directory}/${name}`, bytes);
}

describe("opening fails with", () => {
  it("DIRECTORY_MISSING when there is no directory and none may be made", async () => {
    const fileSystem = new MemoryFileSystem();
    await expect(
      Bitcask.open(directory, memory(fileSystem, { createIfMissing: false })),
    ).rejects.toMatchObject({ code: "DIRECTORY_MISSING" });
    await expect(Bitcask.open(directory, memory(fileSystem, { readOnly: true }))).rejects.toMatchObject({
      code: "DIRECTORY_MISSING",
    });
  });

  it("NOT_A_STORE when the directory holds something else, which stays untouched", async () => {
    const fileSystem = new MemoryFileSystem();
    fileSystem.makeDirectory(directory);
    fileSystem.replace(`${directory}/holiday.jpg`, Buffer.from("picture"));
    await expect(Bitcask.open(directory, memory(fileSystem))).rejects.toMatchObject({ code: "NOT_A_STORE" });
    expect(fileSystem.namesIn(directory)).toEqual(["holiday.jpg"]);
  });

  it("LOCKED when another instance or another process writes, whatever the LOCK file says", async () => {
    const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "bitcask-lock-"));
    const store = path.join(scratch, "store");
    const db = await Bitcask.open(store, { merge: { auto: false } });
    await expect(Bitcask.open(store)).rejects.toMatchObject({
      code: "LOCKED",
      message: expect.stringContaining(String(process.pid)),
    });
    const script = `import { Bitcask } from ${JSON.stringify(path.join(import.meta.dirname, "../src/index.ts"))};
      Bitcask.open(${JSON.stringify(store)}).then(() => process.exit(0), (error) => process.exit(error.code === "LOCKED" ? 42 : 1));`;
    const child = spawn(process.execPath, [
      "--conditions=@titan-kv/source",
      "--input-type=module",
      "-e",
      script,
    ]);
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(42);
    await db.close();
    // A lock left behind by a crash: its pid is in use, by us (basho/bitcask #226).
    fs.writeFileSync(path.join(store, "LOCK"), JSON.stringify({ pid: process.pid }));
    const again = await Bitcask.open(store, { merge: { auto: false } });
    await again.close();
    fs.rmSync(scratch, { recursive: true });
  });

  it("CORRUPT when a record below the durable mark is damaged, and changes nothing", async () => {
    const fileSystem = await filled();
    fileSystem.removeQuietly(`${directory}/0000000001.hint`);
    damage(fileSystem, "0000000001.data", 150);
    const before = fileSystem.bytesOf(`${directory}/0000000001.data`);
    await expect(Bitcask.open(directory, memory(fileSystem))).rejects.toMatchObject({
      code: "CORRUPT",
      file: "0000000001.data",
      offset: expect.any(Number),
    });
    expect(fileSystem.bytesOf(`${directory}/0000000001.data`)).toEqual(before);
  });

  it("CORRUPT rather than cutting when a crash left a log whose middle is damaged although it was acknowledged", async () => {
    const fileSystem = new MemoryFileSystem();
    const db = await Bitcask.open(directory, memory(fileSystem));
    for (let index = 0; index < 5; index++) await db.put(`key-${index}`, `value-${index}`);
    const crashed = fileSystem.copy();
    damage(crashed, "0000000001.data", 100);
    await expect(Bitcask.open(directory, memory(crashed))).rejects.toMatchObject({ code: "CORRUPT" });
    await db.close();
  });

  it("CORRUPT rather than cutting in a file that the log went on in, too", async () => {
    const fileSystem = new MemoryFileSystem();
    const db = await Bitcask.open(directory, memory(fileSystem));
    await db.put("large", "x".repeat(3900));
    for (let index = 0; index < 5; index++) await db.put(`key-${index}`, `value-${index}`);
    const crashed = fileSystem.copy();
    damage(crashed, "0000000002.data", crashed.bytesOf(`${directory}/0000000002.data`).indexOf("value-1"));
    await expect(Bitcask.open(directory, memory(crashed))).rejects.toMatchObject({
      code: "CORRUPT",
      file: "0000000002.data",
    });
    await db.close();
  });

  it("CORRUPT_MANIFEST when an edit in the middle or CURRENT is damaged", async () => {
    const first = await filled();
    damage(first, "MANIFEST-000001", 80);
    await expect(Bitcask.open(directory, memory(first))).rejects.toMatchObject({
      code: "CORRUPT_MANIFEST",
      file: "MANIFEST-000001",
    });
    const second = await filled();
    second.replace(`${directory}/CURRENT`, Buffer.alloc(0));
    await expect(Bitcask.open(directory, memory(second))).rejects.toMatchObject({
      code: "CORRUPT_MANIFEST",
      file: "CURRENT",
    });
    const third = await filled();
    third.removeQuietly(`${directory}/CURRENT`);
    await expect(Bitcask.open(directory, memory(third))).rejects.toMatchObject({ code: "CORRUPT_MANIFEST" });
    expect(third.namesIn(directory)).toContain("0000000001.data");
  });

  it("MISSING_FILE when a listed file is gone", async () => {
    const fileSystem = await filled();
    fileSystem.removeQuietly(`${directory}/0000000001.data`);
    await expect(Bitcask.open(directory, memory(fileSystem))).rejects.toMatchObject({
      code: "MISSING_FILE",
      file: "0000000001.data",
    });
  });

  it("UNSUPPORTED_FORMAT when a newer release wrote it", async () => {
    for (const name of ["0000000001.data", "MANIFEST-000001"]) {
      const fileSystem = await filled();
      const bytes = Buffer.from(fileSystem.bytesOf(`${directory}/${name}`));
      bytes.writeUInt16LE(2, 8);
      bytes.writeUInt32LE(checksum(bytes, 0, 60, 0), 60);
      fileSystem.replace(`${directory}/${name}`, bytes);
      expect(() =>
        decodeFileHeader(bytes.subarray(0, fileHeaderBytes), { file: name, readOnly: true }),
      ).toThrow(/newer release/);
      await expect(Bitcask.open(directory, memory(fileSystem))).rejects.toMatchObject({
        code: "UNSUPPORTED_FORMAT",
      });
    }
  });

  it("UNSUPPORTED_FORMAT for writing, but not for reading, when it has a read-only-compatible feature", async () => {
    const fileSystem = await filled();
    const name = `${directory}/MANIFEST-000001`;
    const header = Buffer.from(fileSystem.bytesOf(name)).subarray(0, 64);
    header.writeUInt32LE(1, 16);
    header.writeUInt32LE(checksum(header, 0, 60, 0), 60);
    expect(decodeFileHeader(header, { file: name, readOnly: true }).kind).toBe("manifest");
    expect(() => decodeFileHeader(header, { file: name, readOnly: false })).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED_FORMAT" }),
    );
  });

  it("READ_ONLY_FILE_SYSTEM and TOO_MANY_OPEN_FILES when the system says so", async () => {
    for (const [systemCode, code] of [
      ["EROFS", "READ_ONLY_FILE_SYSTEM"],
      ["EMFILE", "TOO_MANY_OPEN_FILES"],
    ] as const) {
      const fileSystem = new MemoryFileSystem();
      fileSystem.plan = (call) => (call.kind === "create" ? { error: systemCode } : undefined);
      await expect(Bitcask.open(directory, memory(fileSystem))).rejects.toMatchObject({ code });
    }
  });

  it("INVALID_ARGUMENT for options that make no sense", async () => {
    const wrong: OpenOptions[] = [
      { maxFileBytes: 10 },
      { syncIntervalMs: 0 },
      { maxOpenFiles: 0 },
      { keydir: "fingerprint", ordered: true },
      { merge: { jitter: 2 } },
      { merge: { window: { fromHour: 1, toHour: 25 } } },
      { merge: { includeDeadFraction: -1 } },
    ];
    for (const options of wrong)
      await expect(Bitcask.open(directory, options)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

describe("calls fail with", () => {
  it("the code of the limit that they break, and change nothing", async () => {
    const db = await Bitcask.open(directory, memory(new MemoryFileSystem()));
    await expect(db.put("x".repeat(65_536), "")).rejects.toMatchObject({ code: "KEY_TOO_LARGE" });
    await expect(db.put(Buffer.alloc(65_536), "")).rejects.toMatchObject({ code: "KEY_TOO_LARGE" });
    expect(() => db.getSync("x".repeat(65_536))).toThrow(expect.objectContaining({ code: "KEY_TOO_LARGE" }));
    await expect(db.put("key", Buffer.allocUnsafe(256 * 1024 * 1024 + 1))).rejects.toMatchObject({
      code: "VALUE_TOO_LARGE",
    });
    await expect(db.batch([], { meta: Buffer.alloc(1025) })).rejects.toMatchObject({
      code: "META_TOO_LARGE",
    });
    const many = Array.from({ length: 1_000_001 }, () => ({ type: "del" as const, key: "a" }));
    await expect(db.batch(many)).rejects.toMatchObject({ code: "BATCH_TOO_LARGE" });
    const half = [
      { type: "put" as const, key: "a", value: "1" },
      { type: "put" as const, key: Buffer.alloc(65_536), value: "" },
    ];
    await expect(db.batch(half)).rejects.toMatchObject({ code: "KEY_TOO_LARGE" });
    expect(() => db.batchSync(half)).toThrow(expect.objectContaining({ code: "KEY_TOO_LARGE" }));
    await db.put("b".repeat(65_535), "longest");
    expect([db.size, db.getSync("b".repeat(65_535))?.toString()]).toEqual([1, "longest"]);
    await db.close();
  });

  it("INVALID_ARGUMENT for things that are neither strings nor bytes, and for times and versions out of range", async () => {
    const db = await Bitcask.open(directory, memory(new MemoryFileSystem()));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a caller without types may pass
    const wrong = 7 as unknown as string;
    await expect(db.put(wrong, "")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(db.put("key", wrong)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(db.del(wrong)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(() => db.getSync(wrong)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    await expect(db.put("key", "", { ttlMs: 0 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(db.put("key", "", { ttlMs: 1, expiresAtMs: 1 })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await expect(db.put("key", "", { version: -1 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(db.put("key", "", { ifAbsent: true, ifVersion: 1 })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(db.size).toBe(0);
    await db.close();
  });

  it("CLOSED after close, also on snapshots", async () => {
    const db = await Bitcask.open(directory, memory(new MemoryFileSystem()));
    const snapshot = db.snapshot();
    await db.close();
    await db.close();
    expect(db.status).toBe("closed");
    await expect(db.put("key", "")).rejects.toMatchObject({ code: "CLOSED" });
    await expect(db.get("key")).rejects.toMatchObject({ code: "CLOSED" });
    expect(() => snapshot.getSync("key")).toThrow(expect.objectContaining({ code: "CLOSED" }));
    snapshot.release();
  });

  it("READ_ONLY on a read-only store, which sees a writer's progress after refresh()", async () => {
    const fileSystem = new MemoryFileSystem();
    const writer = await Bitcask.open(directory, memory(fileSystem));
    await writer.put("key", "1");
    const reader = await Bitcask.open(directory, memory(fileSystem, { readOnly: true }));
    const before = reader.snapshot();
    await expect(reader.put("key", "2")).rejects.toMatchObject({ code: "READ_ONLY" });
    expect(reader.getSync("key")?.toString()).toBe("1");
    await writer.put("key", "2");
    await writer.merge({ force: true });
    expect(reader.getSync("key")?.toString()).toBe("1");
    await reader.refresh();
    expect([reader.getSync("key")?.toString(), before.getSync("key")?.toString()]).toEqual(["2", "1"]);
    await expect(writer.refresh()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await reader.close();
    await writer.close();
  });

  it("NOT_ORDERED for ranges without an ordered index", async () => {
    const db = await Bitcask.open(directory, memory(new MemoryFileSystem()));
    await expect(db.keys({ prefix: "a" }).next()).rejects.toMatchObject({ code: "NOT_ORDERED" });
    await expect(db.keys({ reverse: true }).next()).rejects.toMatchObject({ code: "NOT_ORDERED" });
    await db.close();
  });

  it("NOT_EMPTY where a copy would go over something, and EXPORT_INVALID for a damaged or cut export", async () => {
    const fileSystem = await filled();
    const db = await Bitcask.open(directory, memory(fileSystem));
    await expect(db.checkpoint(directory)).rejects.toMatchObject({ code: "NOT_EMPTY" });
    await expect(db.importStream([])).rejects.toMatchObject({ code: "NOT_EMPTY" });
    const pieces: Uint8Array[] = [];
    for await (const piece of db.exportStream()) pieces.push(piece);
    const whole = Buffer.concat(pieces);
    for (const bytes of [
      whole.subarray(0, whole.length - 1),
      whole.subarray(0, 10),
      Buffer.concat([whole, whole]),
      Buffer.from("nonsense".repeat(20)),
    ]) {
      const other = await Bitcask.open(`/other-${bytes.length}`, memory(fileSystem));
      await expect(other.importStream([bytes])).rejects.toMatchObject({ code: "EXPORT_INVALID" });
      await other.close();
    }
    for (let at = 0; at < whole.length; at += 5) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      const other = await Bitcask.open(`/flipped-${at}`, memory(fileSystem));
      await expect(other.importStream([bytes])).rejects.toMatchObject({ code: "EXPORT_INVALID" });
      await other.close();
    }
    await db.importStream([whole], { replace: true });
    expect(db.getSync("key-4")?.toString()).toBe("value-4");
    await db.close();
  });

  it("CANCELLED when a merge is given up, with nothing changed", async () => {
    const fileSystem = await filled(30);
    const db = await Bitcask.open(directory, memory(fileSystem));
    const before = fileSystem.namesIn(directory);
    const aborting = new AbortController();
    const merging = db.merge({ force: true, signal: aborting.signal, maxBytesPerSecond: 1000 });
    setTimeout(() => aborting.abort(), 20);
    await expect(merging).rejects.toMatchObject({ code: "CANCELLED" });
    expect(fileSystem.namesIn(directory)).toEqual(before);
    await db.close();
  });

  it("SYNC_FAILED and then WRITES_STOPPED after a failed sync, until the store is opened again", async () => {
    const fileSystem = new MemoryFileSystem();
    const events: BitcaskEvent[] = [];
    const db = await Bitcask.open(directory, memory(fileSystem));
    db.subscribe((event) => events.push(event));
    await db.put("safe", "1");
    fileSystem.plan = (call) => (call.kind === "sync" ? { error: "EIO" } : undefined);
    await expect(db.put("doubtful", "2")).rejects.toMatchObject({ code: "SYNC_FAILED", outcome: "unknown" });
    fileSystem.plan = () => undefined;
    await expect(db.put("refused", "3")).rejects.toMatchObject({
      code: "WRITES_STOPPED",
      outcome: "not-applied",
    });
    await expect(db.flush()).rejects.toMatchObject({ code: "SYNC_FAILED" });
    expect(() => db.resume()).toThrow(expect.objectContaining({ code: "SYNC_FAILED" }));
    expect([db.getSync("safe")?.toString(), db.getSync("doubtful")]).toEqual(["1", undefined]);
    expect(db.stats()).toMatchObject({ writesStopped: "SYNC_FAILED", durableSeq: 1 });
    expect(events.map((event) => event.type)).toContain("writesStopped");
    await db.close();
    const again = await Bitcask.open(directory, memory(fileSystem.afterPowerLoss("dropped", 1)));
    expect([again.getSync("safe")?.toString(), again.getSync("doubtful")]).toEqual(["1", undefined]);
    await again.close();
  });

  it("IO_ERROR for a read that the disk refuses, once", async () => {
    const fileSystem = await filled();
    const db = await Bitcask.open(directory, memory(fileSystem));
    fileSystem.plan = (call) => (call.kind === "read" ? { error: "EIO" } : undefined);
    await expect(db.get("key-1")).rejects.toMatchObject({
      code: "IO_ERROR",
      file: "0000000001.data",
      key: expect.any(Uint8Array),
    });
    fileSystem.plan = () => undefined;
    expect((await db.get("key-1"))?.toString()).toBe("value-1");
    await db.close();
  });

  it("CORRUPT for a damaged record, naming file, offset and key, until the key is written again", async () => {
    const fileSystem = await filled();
    const bytes = Buffer.from(fileSystem.bytesOf(`${directory}/0000000001.data`));
    bytes.write("VALUE", bytes.indexOf("value-2"));
    fileSystem.replace(`${directory}/0000000001.data`, bytes);
    for (const keydir of ["full", "fingerprint"] as const) {
      const copy = fileSystem.copy();
      const db = await Bitcask.open(directory, memory(copy, { keydir }));
      const expected = {
        code: "CORRUPT",
        file: "0000000001.data",
        offset: expect.any(Number),
        key: Uint8Array.from(Buffer.from("key-2")),
      };
      await expect(db.get("key-2")).rejects.toMatchObject(expected);
      expect(() => db.getSync("key-2")).toThrow(expect.objectContaining(expected));
      await expect(db.merge({ force: true })).rejects.toMatchObject({ code: "CORRUPT" });
      expect(db.getSync("key-1")?.toString()).toBe("value-1");
      await db.put("key-2", "healed");
      expect(db.getSync("key-2")?.toString()).toBe("healed");
      await db.close();
    }
  });
});

describe("repair", () => {
  it("keeps everything that is readable, names what is not, and leaves the originals aside", async () => {
    const fileSystem = await filled(40);
    const bytes = Buffer.from(fileSystem.bytesOf(`${directory}/0000000001.data`));
    bytes.write("VALUE", bytes.indexOf("value-2"));
    bytes.fill(0xee, bytes.indexOf("key-7") - 20, bytes.indexOf("key-7") + 3);
    fileSystem.replace(`${directory}/0000000001.data`, bytes);
    const found = await verifyStore(directory, { fileSystem });
    expect(found.isSound).toBe(false);
    expect(found.problems).toHaveLength(2);
    const report = await repairStore(directory, { fileSystem });
    expect(report.files).toContainEqual(
      expect.objectContaining({
        file: "0000000001.data",
        action: "rewritten",
        lostKeys: ['"key-2"', '"key-7"'],
      }),
    );
    expect((await verifyStore(directory, { fileSystem })).isSound).toBe(true);
    const db = await Bitcask.open(directory, memory(fileSystem));
    expect(db.size).toBe(38);
    expect(db.getSync("key-39")?.toString()).toBe("value-39");
    await db.close();
    expect(fileSystem.namesIn(`${directory}/quarantine`)).toContain("0000000001.data");
  });

  it("makes the manifest again when it is gone, and gives up a file whose header is", async () => {
    for (const ruin of ["CURRENT", "MANIFEST-000001", "header"]) {
      const fileSystem = await filled(40);
      if (ruin === "header") damage(fileSystem, "0000000001.data", 3);
      else fileSystem.removeQuietly(`${directory}/${ruin}`);
      await expect(Bitcask.open(directory, memory(fileSystem))).rejects.toMatchObject({
        name: "BitcaskError",
      });
      const report = await repairStore(directory, { fileSystem });
      expect(report.manifestRebuilt).toBe(ruin !== "header");
      const db = await Bitcask.open(directory, memory(fileSystem));
      expect(db.size).toBe(ruin === "header" ? 0 : 40);
      await db.put("goes", "on");
      await db.close();
    }
  });
});
