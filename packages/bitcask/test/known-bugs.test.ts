import { describe, expect, it } from "vitest";
import { Bitcask, type BitcaskEvent, type OpenOptions } from "../src/index.ts";
import { MemoryFileSystem } from "./support/memory-file-system.ts";

/** Mistakes that other engines have made, each as the scenario that showed it. */
const directory = "/store";

function optionsFor(fileSystem: MemoryFileSystem, more: OpenOptions = {}): OpenOptions {
  return {
    fileSystem,
    hashSeed: 3n,
    maxFileBytes: 4096,
    ...more,
    merge: { auto: false, smallFileBytes: 1, ...more.merge },
  };
}

async function withStore<T>(
  fs: MemoryFileSystem,
  act: (db: Bitcask) => Promise<T>,
  more: OpenOptions = {},
): Promise<T> {
  const db = await Bitcask.open(directory, optionsFor(fs, more));
  try {
    return await act(db);
  } finally {
    await db.close();
  }
}

/** Fills the present file up, so that the next write starts another. */
async function fillFile(db: Bitcask, key: string): Promise<void> {
  await db.put(key, "x".repeat(3900));
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString();
}

describe("deleted keys", () => {
  it("stay deleted when the file with the deletion is merged without the file with the value (basho/bitcask #82, rosedb #258)", async () => {
    const fs = new MemoryFileSystem();
    await withStore(fs, async (db) => {
      await db.put("ghost", "old");
      await fillFile(db, "live");
      await db.put("noise", "x".repeat(2000));
      await db.del("ghost");
      await db.put("noise", "x".repeat(1900));
      await db.put("noise", "short");
      await fillFile(db, "other");
    });
    const [first, second] = fs.namesIn(directory).filter((name) => name.endsWith(".data"));
    const result = await withStore(fs, (db) => db.merge(), { merge: { includeDeadFraction: 0.4 } });
    expect(fs.namesIn(directory)).toContain(first);
    expect(fs.namesIn(directory)).not.toContain(second);
    expect(result.tombstonesDropped).toBe(0);
    expect(await withStore(fs, async (db) => text(db.getSync("ghost")))).toBeUndefined();
  });

  it("include expired ones: merging them away does not bring back what they had replaced (basho/bitcask #192)", async () => {
    const fs = new MemoryFileSystem();
    let nowMs = 1000;
    const options: OpenOptions = { clock: () => nowMs, merge: { includeDeadFraction: 0.4 } };
    await withStore(
      fs,
      async (db) => {
        await db.put("ghost", "old");
        await fillFile(db, "live");
        await db.put("ghost", "new", { ttlMs: 100 });
        for (let index = 0; index < 9; index++) await db.put("noise", "x".repeat(400));
        await fillFile(db, "other");
      },
      options,
    );
    nowMs = 2000;
    const result = await withStore(fs, (db) => db.merge(), options);
    expect(result.expiredDropped).toBe(1);
    expect(fs.namesIn(directory)).toContain("0000000001.data");
    expect(await withStore(fs, async (db) => text(db.getSync("ghost")), options)).toBeUndefined();
  });

  it("leave nothing behind once everything older has been merged (basho/bitcask #156)", async () => {
    const fs = new MemoryFileSystem();
    await withStore(fs, async (db) => {
      for (let index = 0; index < 20; index++) await db.put(`key-${index}`, "x".repeat(300));
      for (let index = 0; index < 20; index++) await db.del(`key-${index}`);
      const result = await db.merge({ force: true });
      expect(result).toMatchObject({ tombstonesDropped: 20, recordsKept: 0, outputs: [] });
      expect(db.stats()).toMatchObject({ files: 0, totalBytes: 0, tombstones: 0 });
    });
  });

  it("do not make a file of kept deletions be merged over and over (basho/bitcask #205)", async () => {
    const fs = new MemoryFileSystem();
    const merge = { includeDeadFraction: 0.4, triggerDeadFraction: 0.4 };
    await withStore(
      fs,
      async (db) => {
        for (let index = 0; index < 30; index++) await db.put(`key-${index}`, "x".repeat(100));
        await db.put("pinned", "x".repeat(3000));
        for (let index = 0; index < 30; index++) await db.put("noise", "x".repeat(300));
        for (let index = 0; index < 5; index++) await db.del(`key-${index}`);
        await fillFile(db, "other");
        await db.flush();
        await new Promise((resolve) => setTimeout(resolve, 5));
        const first = await db.merge();
        expect(first.inputs.length).toBeGreaterThan(0);
        const second = await db.merge();
        expect(second.inputs).toEqual([]);
      },
      { merge },
    );
  });

  it("are still there for an iteration that began before (basho/bitcask #180, #104)", async () => {
    const fs = new MemoryFileSystem();
    await withStore(fs, async (db) => {
      for (let index = 0; index < 10; index++) await db.put(`key-${index}`, `${index}`);
      const seen: string[][] = [[], []];
      const folds = [db.entries(), db.entries()];
      seen[0]?.push(text((await folds[0]?.next())?.value?.key) ?? "");
      seen[1]?.push(text((await folds[1]?.next())?.value?.key) ?? "");
      for (let index = 0; index < 10; index++) await db.del(`key-${index}`);
      await db.put("late", "1");
      await db.merge({ force: true });
      for (const [which, fold] of folds.entries())
        for await (const { key } of fold) seen[which]?.push(key.toString());
      for (const keys of seen)
        expect(new Set(keys)).toEqual(new Set(Array.from({ length: 10 }, (_, index) => `key-${index}`)));
      expect(db.size).toBe(1);
    });
  });
});

describe("a merge", () => {
  it("never wins over a write that was made while it ran (nutsdb #392)", async () => {
    const fs = new MemoryFileSystem();
    await withStore(fs, async (db) => {
      for (let index = 0; index < 40; index++)
        await db.put(`key-${index % 10}`, `old-${index}`.padEnd(300, "x"));
      const merging = db.merge({ force: true });
      for (let index = 0; index < 10; index++) await db.put(`key-${index}`, `new-${index}`);
      await merging;
      for (let index = 0; index < 10; index++) expect(text(db.getSync(`key-${index}`))).toBe(`new-${index}`);
    });
    await withStore(fs, async (db) => {
      for (let index = 0; index < 10; index++)
        expect(text(await db.get(`key-${index}`))).toBe(`new-${index}`);
    });
  });

  it("removes no original before its copy, its name and the decision are durable (rosedb)", async () => {
    const fs = new MemoryFileSystem();
    await withStore(fs, async (db) => {
      for (let index = 0; index < 40; index++) await db.put(`key-${index % 10}`, "x".repeat(300));
      const calls: string[] = [];
      fs.plan = (call) => {
        calls.push(`${call.kind} ${call.path.replace(/^.*\//, "").replace(/\d+/, "N")}`);
        return undefined;
      };
      await db.merge({ force: true });
      fs.plan = () => undefined;
      const firstUnlink = calls.indexOf("unlink N.data");
      const order = [
        "create N.data",
        "sync N.data",
        "syncDirectory store",
        "write MANIFEST-N",
        "sync MANIFEST-N",
      ];
      const lastOf = order.map((call) => calls.slice(0, firstUnlink).lastIndexOf(call));
      expect(firstUnlink).toBeGreaterThan(0);
      expect(lastOf).toEqual(lastOf.toSorted((a, b) => a - b));
      expect(lastOf.every((at) => at >= 0)).toBe(true);
      expect(calls.slice(firstUnlink)).not.toContain("sync MANIFEST-N");
    });
  });
});

describe("opening", () => {
  it("does without a hint that was cut short (basho/bitcask #171)", async () => {
    const fs = new MemoryFileSystem();
    await withStore(fs, async (db) => {
      for (let index = 0; index < 10; index++) await db.put(`key-${index}`, `${index}`, { ttlMs: 1e9 });
    });
    const hint = `${directory}/0000000001.hint`;
    const whole = fs.bytesOf(hint);
    for (let length = 0; length < whole.length; length += 7) {
      fs.replace(hint, whole.subarray(0, length));
      const events: BitcaskEvent[] = [];
      await withStore(
        fs,
        async (db) => expect(text(db.getSync("key-9"))).toBe("9"),
        optionsWithEvents(events),
      );
      expect(events).toContainEqual({ type: "hintRebuilt", fileId: 1, reason: "damaged" });
    }
    expect(fs.bytesOf(hint).subarray(64)).toHaveLength(whole.length - 64);
  });

  it("takes no key from a damaged record when the hint is unusable (basho/bitcask #212)", async () => {
    const fs = new MemoryFileSystem();
    await withStore(fs, async (db) => {
      for (let index = 0; index < 10; index++) await db.put(`key-${index}`, "value");
    });
    const data = Buffer.from(fs.bytesOf(`${directory}/0000000001.data`));
    data.write("EVIL", data.indexOf("key-5"));
    fs.replace(`${directory}/0000000001.data`, data);
    fs.removeQuietly(`${directory}/0000000001.hint`);
    await expect(Bitcask.open(directory, optionsFor(fs))).rejects.toMatchObject({
      code: "CORRUPT",
      file: "0000000001.data",
    });
  });

  it("is not held up by an empty data file (basho/bitcask #136)", async () => {
    const fs = new MemoryFileSystem();
    await withStore(fs, (db) => db.put("key", "value"));
    fs.replace(`${directory}/0000000009.data`, Buffer.alloc(0));
    fs.replace(`${directory}/0000000009.hint`, Buffer.alloc(0));
    await withStore(fs, async (db) => {
      expect(text(db.getSync("key"))).toBe("value");
      await db.put("more", "1");
    });
    expect(fs.namesIn(directory)).not.toContain("0000000009.data");
  });

  it("succeeds after a write that was interrupted at any byte (prologic/bitcask v1)", async () => {
    const fs = new MemoryFileSystem();
    const db = await Bitcask.open(directory, optionsFor(fs, { preallocate: false }));
    await db.put("before", "1");
    const whole = fs.bytesOf(`${directory}/0000000001.data`).length;
    await db.put("interrupted", "2");
    const after = fs.bytesOf(`${directory}/0000000001.data`);
    for (let length = whole; length < after.length; length++) {
      const crashed = fs.copy();
      crashed.replace(`${directory}/0000000001.data`, after.subarray(0, length));
      await withStore(crashed, async (reopened) => {
        expect(text(reopened.getSync("before"))).toBe("1");
        expect(reopened.getSync("interrupted")).toBeUndefined();
      });
    }
    await db.close();
  });

  it("keeps the newer value when the clock was set back between two writes (npm bitcask)", async () => {
    const fs = new MemoryFileSystem();
    let nowMs = 2_000_000;
    const clock = (): number => nowMs;
    await withStore(fs, (db) => db.put("key", "first"), { clock });
    nowMs = 1_000_000;
    await withStore(fs, (db) => db.put("key", "second"), { clock });
    expect(await withStore(fs, async (db) => text(db.getSync("key")), { clock })).toBe("second");
    await withStore(fs, (db) => db.merge({ force: true }), { clock });
    expect(await withStore(fs, async (db) => text(db.getSync("key")), { clock })).toBe("second");
  });

  it("reads a file whose records end exactly where a chunk of the scan does (basho/bitcask e3ae214)", async () => {
    const fs = new MemoryFileSystem();
    const options = { maxFileBytes: 4 * 1024 * 1024, preallocate: false };
    await withStore(
      fs,
      async (db) => {
        // Header, one record that fills the first half megabyte to the byte, and another one.
        await db.put("a", "x".repeat(524_288 - 64 - 24 - 1));
        await db.put("b", "y".repeat(524_288 - 34 - 24 - 1));
        await db.put("c", "end");
      },
      options,
    );
    fs.removeQuietly(`${directory}/0000000001.hint`);
    await withStore(fs, async (db) => expect([db.size, text(db.getSync("c"))]).toEqual([3, "end"]), options);
  });
});

describe("a full disk", () => {
  it("refuses puts, serves reads, takes deletes, and is recovered from without a restart (riak #282)", async () => {
    const fs = new MemoryFileSystem();
    await withStore(
      fs,
      async (db) => {
        for (let index = 0; index < 10; index++) await db.put(`key-${index}`, "x".repeat(300));
        fs.capacityBytes = fs.usedBytes() + 150;
        await expect(db.put("large", "x".repeat(400))).rejects.toMatchObject({
          code: "NO_SPACE",
          outcome: "not-applied",
        });
        await expect(db.put("small", "x")).rejects.toMatchObject({
          code: "WRITES_STOPPED",
          outcome: "not-applied",
        });
        expect(text(db.getSync("key-3"))).toHaveLength(300);
        await db.del("key-3");
        expect(db.getSync("key-3")).toBeUndefined();
        fs.capacityBytes = Number.POSITIVE_INFINITY;
        db.resume();
        await db.put("large", "x".repeat(400));
        expect(db.stats().writesStopped).toBeUndefined();
      },
      { maxFileBytes: 1 << 20, preallocate: false },
    );
    await withStore(fs, async (db) => {
      expect(db.size).toBe(10);
      expect(db.getSync("small")).toBeUndefined();
    });
  });
});

describe("values", () => {
  it("that look like a deletion are values (basho/bitcask is_tombstone)", async () => {
    const fs = new MemoryFileSystem();
    const values = [
      "bitcask_tombstone",
      "bitcask_tombstone2\u0000\u0000\u0000\u0001",
      "",
      "\u00ff\u00ff\u00ff\u00ff",
    ];
    await withStore(fs, async (db) => {
      for (const [index, value] of values.entries()) await db.put(`key-${index}`, value);
    });
    await withStore(fs, async (db) => {
      await db.merge({ force: true });
      for (const [index, value] of values.entries()) expect(text(db.getSync(`key-${index}`))).toBe(value);
    });
  });
});

function optionsWithEvents(events: BitcaskEvent[]): OpenOptions {
  const options: OpenOptions & { onEvent: (event: BitcaskEvent) => void } = {
    onEvent: (event) => events.push(event),
  };
  return options;
}
