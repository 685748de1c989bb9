import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { emptyConfiguration } from "../core/configuration.ts";
import { type Entry, EntryType } from "../core/entry.ts";
import { FileLog, type FileLogOptions } from "./file-log.ts";

const everything = Number.MAX_SAFE_INTEGER;
const segmentBytes = 16 << 10;
let directory: string;
let logs: FileLog[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "titan-wal-"));
  logs = [];
});

afterEach(async () => {
  for (const log of logs) await log.close();
  rmSync(directory, { recursive: true });
});

async function open(options: Partial<FileLogOptions> = {}): Promise<FileLog> {
  const log = await FileLog.open({ directory, segmentBytes, ...options });
  logs.push(log);
  return log;
}

async function reopen(options: Partial<FileLogOptions> = {}): Promise<FileLog> {
  await logs.at(-1)?.close();
  return open(options);
}

function entry(index: number, term: number, text = `command ${index}`): Entry {
  return { type: EntryType.Normal, index, term, data: new TextEncoder().encode(text) };
}

function entries(first: number, last: number, term: number, text?: string): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => entry(first + at, term, text));
}

function texts(log: FileLog, group: number): string[] {
  const reader = log.reader(group);
  const read = reader.entries(reader.firstIndex(), reader.lastIndex() + 1, everything);
  return read.map(({ index, term, data }) => `${index}@${term} ${new TextDecoder().decode(data)}`);
}

const voters = { ...emptyConfiguration, voters: [1, 2, 3] };
const joint = {
  voters: [1, 2, 4],
  votersOutgoing: [1, 2, 3],
  learners: [5],
  learnersNext: [3],
  autoLeave: true,
  index: 7,
};

/** Writes in a loop, compacting behind itself, as a host does. */
async function churn(log: FileLog, rounds: number, group = 1): Promise<void> {
  const start = log.reader(group).lastIndex();
  for (let index = start + 1; index <= start + rounds; index++) {
    await log.append([{ group, entries: [entry(index, 1, "x".repeat(1000))] }]);
    const through = log.reader(group).lastIndex() - 5;
    if (index % 5 === 0 && through >= log.reader(group).firstIndex()) {
      await log.append([
        { group, compact: { through, metadata: { index: through, term: 1, configuration: voters } } },
      ]);
    }
  }
}

describe("the log", () => {
  test("a group that was never written is empty", async () => {
    const log = await open();
    const reader = log.reader(7);
    expect(log.groups()).toEqual([]);
    expect(reader.firstIndex()).toBe(1);
    expect(reader.lastIndex()).toBe(0);
    expect(reader.term(0)).toBe(0);
    expect(reader.snapshot().index).toBe(0);
    expect(reader.initialState()).toEqual({
      hardState: { term: 0, vote: 0, commit: 0 },
      configuration: emptyConfiguration,
    });
  });

  test("returns entries and hard states of several groups after a restart", async () => {
    const log = await open();
    await log.append([
      { group: 1, entries: entries(1, 3, 1), hardState: { term: 1, vote: 2, commit: 2 } },
      { group: 9, entries: entries(1, 1, 4) },
    ]);
    await log.append([{ group: 1, entries: [entry(4, 2)], hardState: { term: 2, vote: 3, commit: 4 } }]);
    const again = await reopen();
    expect(again.groups()).toEqual([1, 9]);
    expect(texts(again, 1)).toEqual(["1@1 command 1", "2@1 command 2", "3@1 command 3", "4@2 command 4"]);
    expect(again.reader(1).initialState().hardState).toEqual({ term: 2, vote: 3, commit: 4 });
    expect(again.reader(1).term(3)).toBe(1);
    expect(again.reader(1).term(4)).toBe(2);
    expect(texts(again, 9)).toEqual(["1@4 command 1"]);
  });

  test("readers see a write when it is durable and not before", async () => {
    const log = await open();
    const reader = log.reader(1);
    const written = log.append([{ group: 1, entries: entries(1, 2, 1) }]);
    expect(reader.lastIndex()).toBe(0);
    await written;
    expect(reader.lastIndex()).toBe(2);
  });

  test("appends made while the disk is busy go together in one write", async () => {
    const log = await open();
    const before = log.status().batches;
    const all = [log.append([{ group: 1, entries: [entry(1, 1)] }])];
    await Promise.resolve();
    await Promise.resolve();
    for (let index = 2; index <= 50; index++)
      all.push(log.append([{ group: 1, entries: [entry(index, 1)] }]));
    expect(log.oldestPendingMs()).toBeGreaterThanOrEqual(0);
    await Promise.all(all);
    expect(log.status().batches - before).toBeLessThanOrEqual(3);
    expect(log.reader(1).lastIndex()).toBe(50);
  });

  test("a newer leader's entries replace those that conflict", async () => {
    const log = await open();
    await log.append([{ group: 1, entries: entries(1, 5, 1) }]);
    await log.append([{ group: 1, entries: entries(3, 4, 2, "new") }]);
    const expected = ["1@1 command 1", "2@1 command 2", "3@2 new", "4@2 new"];
    expect(texts(log, 1)).toEqual(expected);
    expect(texts(await reopen(), 1)).toEqual(expected);
  });

  test("compaction drops a prefix and remembers the term before the first entry", async () => {
    const log = await open();
    await log.append([{ group: 1, entries: [...entries(1, 4, 1), ...entries(5, 9, 2)] }]);
    const metadata = { index: 6, term: 2, configuration: joint };
    await log.append([{ group: 1, compact: { through: 5, metadata } }]);
    for (const restart of [false, true]) {
      const current = restart ? await reopen() : log;
      const reader = current.reader(1);
      expect(reader.firstIndex()).toBe(6);
      expect(reader.term(5)).toBe(2);
      expect(reader.snapshot()).toEqual(metadata);
      expect(reader.initialState().configuration).toEqual(joint);
      expect(() => reader.term(4)).toThrow(expect.objectContaining({ code: "COMPACTED" }));
      expect(() => reader.entries(5, 7, everything)).toThrow(expect.objectContaining({ code: "COMPACTED" }));
      expect(() => reader.entries(6, 11, everything)).toThrow(
        expect.objectContaining({ code: "UNAVAILABLE" }),
      );
      expect(texts(current, 1).length).toBe(4);
    }
  });

  test("a snapshot from the leader replaces the whole log", async () => {
    const log = await open();
    await log.append([{ group: 1, entries: entries(1, 4, 1) }]);
    const snapshot = { index: 100, term: 7, configuration: voters };
    await log.append([
      { group: 1, snapshot, entries: entries(101, 102, 8), hardState: { term: 8, vote: 0, commit: 100 } },
    ]);
    const again = await reopen();
    expect(again.reader(1).firstIndex()).toBe(101);
    expect(again.reader(1).term(100)).toBe(7);
    expect(again.reader(1).snapshot()).toEqual(snapshot);
    expect(texts(again, 1)).toEqual(["101@8 command 101", "102@8 command 102"]);
  });

  test("a removed group stays removed, and its id is not taken again", async () => {
    const log = await open();
    await log.append([
      { group: 1, entries: entries(1, 2, 1) },
      { group: 2, entries: entries(1, 1, 1) },
    ]);
    await log.append([{ group: 1, remove: true }]);
    for (const restart of [false, true]) {
      const current = restart ? await reopen() : log;
      expect(current.groups()).toEqual([2]);
      const write = current.append([{ group: 1, entries: entries(1, 1, 1) }]);
      await expect(write).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    }
  });

  test("a removed group that is created anew has nothing of its former life, however the segments go round", async () => {
    const log = await open();
    const vote = { term: 9, vote: 3, commit: 2 };
    await log.append([{ group: 4, entries: entries(1, 3, 9, "former"), hardState: vote }]);
    await log.append([{ group: 4, remove: true }]);
    await log.append([{ group: 4, create: true }]);
    expect(log.reader(4).initialState().hardState).toEqual({ term: 0, vote: 0, commit: 0 });
    await log.append([{ group: 4, entries: entries(1, 1, 1, "latter") }]);
    for (let round = 0; round < 3; round += 1) {
      const current = await reopen();
      expect(current.groups()).toContain(4);
      expect(texts(current, 4)).toEqual(["1@1 latter"]);
      expect(current.reader(4).initialState().hardState).toEqual({ term: 0, vote: 0, commit: 0 });
      // Segments are freed and written again; what is said of the group moves along.
      await churn(current, 40);
    }
    await logs.at(-1)!.append([{ group: 4, remove: true }]);
    expect((await reopen()).groups()).not.toContain(4);
  });

  test("a commit written without sync is visible at once, and on disk with the next write", async () => {
    const log = await open();
    await log.append([{ group: 1, entries: entries(1, 2, 1), hardState: { term: 1, vote: 1, commit: 0 } }]);
    const { batches } = log.status();
    await log.append([{ group: 1, hardState: { term: 1, vote: 1, commit: 2 } }], { sync: false });
    expect(log.reader(1).initialState().hardState.commit).toBe(2);
    expect(log.status().batches).toBe(batches);
    expect((await reopen()).reader(1).initialState().hardState.commit).toBe(2);
  });

  test("flush leaves a mark behind the newest batch, once", async () => {
    const log = await open();
    await log.append([{ group: 1, entries: entries(1, 2, 1) }]);
    const { batches } = log.status();
    await log.flush();
    await log.flush();
    expect(log.status().batches).toBe(batches + 1);
  });

  test("a write that comes while its group is being removed does not bring it back", async () => {
    const log = await open();
    await log.append([{ group: 1, entries: entries(1, 5, 1), hardState: { term: 3, vote: 2, commit: 5 } }]);
    const removal = log.append([{ group: 1, remove: true }]);
    const compact = { through: 3, metadata: { index: 3, term: 1, configuration: voters } };
    await expect(log.append([{ group: 1, compact }])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(log.append([{ group: 1, create: true }])).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await removal;
    expect(log.groups()).toEqual([]);
    await log.append([{ group: 1, create: true }]);
    await log.append([{ group: 1, entries: entries(1, 1, 9) }]);
    const again = await reopen();
    expect(texts(again, 1)).toEqual(["1@9 command 1"]);
  });

  test("an append without writes waits for those before it", async () => {
    const log = await open();
    const order: string[] = [];
    await Promise.all([
      log.append([{ group: 1, entries: entries(1, 1, 1) }]).then(() => order.push("first")),
      log.append([]).then(() => order.push("second")),
    ]);
    expect(order).toEqual(["first", "second"]);
  });

  test("an appended batch larger than a segment gets one of its own size", async () => {
    const log = await open();
    const data = new Uint8Array(100_000).fill(7);
    await log.append([{ group: 1, entries: [{ type: EntryType.Normal, term: 1, index: 1, data }] }]);
    await log.append([{ group: 1, entries: [entry(2, 1)] }]);
    const again = await reopen();
    expect(again.reader(1).entries(1, 2, everything)[0]?.data).toEqual(data);
    expect(again.reader(1).lastIndex()).toBe(2);
  });
});

describe("limits of what may be written", () => {
  test.each([
    ["a gap in the log", [{ group: 1, entries: entries(3, 3, 1) }]],
    ["entries that do not follow each other", [{ group: 1, entries: [entry(1, 1), entry(3, 1)] }]],
    [
      "two parts for one group",
      [
        { group: 1, entries: entries(1, 1, 1) },
        { group: 1, entries: entries(2, 2, 1) },
      ],
    ],
    ["an impossible group", [{ group: -1, entries: entries(1, 1, 1) }]],
    [
      "a compaction of what is not there",
      [{ group: 1, compact: { through: 5, metadata: { index: 5, term: 1, configuration: voters } } }],
    ],
  ])("%s is refused and leaves no trace", async (_, batch) => {
    const log = await open();
    await expect(log.append(batch)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await log.append([{ group: 1, entries: entries(1, 1, 1) }]);
    expect(texts(log, 1)).toEqual(["1@1 command 1"]);
  });

  test("anything but a commit needs sync", async () => {
    const log = await open();
    await expect(
      log.append([{ group: 1, entries: entries(1, 1, 1) }], { sync: false }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  test("a second log in the same directory is refused", async () => {
    await open();
    await expect(FileLog.open({ directory })).rejects.toMatchObject({ code: "LOCKED" });
  });

  test("a closed log says so", async () => {
    const log = await open();
    await log.close();
    await expect(log.append([])).rejects.toMatchObject({ code: "CLOSED" });
    expect(() => log.reader(1).lastIndex()).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });
});

describe("segments", () => {
  test("are used again when nobody needs them", async () => {
    const log = await open();
    await churn(log, 200);
    expect(readdirSync(directory).filter((name) => name.endsWith(".wal")).length).toBeLessThanOrEqual(5);
    const again = await reopen();
    expect(again.reader(1).lastIndex()).toBe(200);
    expect(texts(again, 1)).toEqual(
      entries(196, 200, 1, "x".repeat(1000)).map((e) => `${e.index}@1 ${"x".repeat(1000)}`),
    );
  });

  test("are not kept by a group that is written rarely: its last words are written again", async () => {
    const log = await open();
    await log.append([
      { group: 2, entries: entries(1, 3, 4), hardState: { term: 4, vote: 3, commit: 3 } },
      { group: 3, hardState: { term: 9, vote: 1, commit: 0 } },
      { group: 4, entries: entries(1, 1, 1) },
    ]);
    await log.append([{ group: 4, remove: true }]);
    await churn(log, 200);
    expect(log.status().segments).toBeLessThanOrEqual(5);
    for (const restart of [false, true]) {
      const current = restart ? await reopen() : log;
      expect(current.groups()).toEqual([1, 2, 3]);
      expect(texts(current, 2)).toEqual(["1@4 command 1", "2@4 command 2", "3@4 command 3"]);
      expect(current.reader(2).initialState().hardState).toEqual({ term: 4, vote: 3, commit: 3 });
      expect(current.reader(3).initialState().hardState).toEqual({ term: 9, vote: 1, commit: 0 });
      await expect(current.append([{ group: 4, entries: entries(1, 1, 1) }])).rejects.toThrow(/removed/u);
    }
  });

  test("are kept by a group with much to keep, which is named", async () => {
    const log = await open();
    const data = new Uint8Array(1000).fill(1);
    for (let index = 1; index <= 100; index++) {
      await log.append([{ group: 5, entries: [{ type: EntryType.Normal, term: 1, index, data }] }]);
    }
    expect(log.pinning()).toEqual([{ group: 5, bytes: 100_000 }]);
    await log.append([
      { group: 5, compact: { through: 99, metadata: { index: 99, term: 1, configuration: voters } } },
    ]);
    await log.append([{ group: 5, entries: [{ type: EntryType.Normal, term: 1, index: 101, data }] }]);
    expect(log.pinning()).toEqual([]);
    expect(
      (await reopen())
        .reader(5)
        .entries(100, 102, everything)
        .map(({ index }) => index),
    ).toEqual([100, 101]);
  });

  test("entries that are no longer in memory are read from the disk and checked", async () => {
    const log = await open({ cacheBytes: 2000 });
    for (let index = 1; index <= 60; index++) await log.append([{ group: 1, entries: [entry(index, 1)] }]);
    expect(log.status().cachedBytes).toBeLessThanOrEqual(2000);
    expect(texts(log, 1)).toEqual(entries(1, 60, 1).map(({ index }) => `${index}@1 command ${index}`));
    expect(log.reader(1).entries(1, 61, 30).length).toBe(3);
    expect(log.reader(1).entries(1, 61, 0).length).toBe(1);
  });
});
