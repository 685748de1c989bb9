import { beforeAll, describe, expect, test } from "vitest";
import type { LogWrite } from "../src/host/index.ts";
import { RaftError } from "../src/index.ts";
import { seeded, TestDisk } from "./wal-disk.ts";
import { digestGroup, digestLog, openOn, runWorkload, workloadGroups } from "./wal-workload.ts";

const seed = Number(process.env["TITAN_WAL_SEED"] ?? 1);

/** Every how many bytes one is damaged. All of them: TITAN_WAL_STRIDE=1 vitest run wal-damage. */
const stride = Number(process.env["TITAN_WAL_STRIDE"] ?? 17);

/** A log that was closed in order, what it holds, and what it held before each of its last appends. */
let closed: TestDisk;
let crashed: TestDisk;
let digests: readonly string[];

beforeAll(async () => {
  closed = new TestDisk();
  ({ digests } = await runWorkload(closed, { seed, appends: 25, close: true }));
  crashed = new TestDisk();
  await runWorkload(crashed, { seed, appends: 25, close: false });
});

/** How far a file is written to: everything behind it is zero. */
function usedBytes(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}

/** What a log with damage holds, or `refused` when it does not open for that reason. */
async function openDamaged(disk: TestDisk): Promise<string> {
  try {
    return digestLog(await openOn(disk, 5), workloadGroups);
  } catch (error) {
    if (error instanceof RaftError && error.code === "CORRUPT" && Array.isArray(error.cause))
      return "refused";
    throw error;
  }
}

/** What a call returns, or the code of what it throws. */
function attempt(call: () => string): string {
  try {
    return call();
  } catch (error) {
    return error instanceof RaftError ? error.code : String(error);
  }
}

/** A copy of `disk` with one bit changed. */
function flipped(disk: TestDisk, name: string, at: number): TestDisk {
  const copy = disk.copy();
  const bytes = copy.bytes(name);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
  return copy;
}

describe("a log that was closed in order", () => {
  test("and one of whose bits has changed, is right or refuses to open", async () => {
    const expected = digests.at(-1);
    const problems: string[] = [];
    let refused = 0;
    let ignored = 0;
    for (const name of closed.names()) {
      for (let at = 0; at < usedBytes(closed.bytes(name)); at += stride) {
        const result = await openDamaged(flipped(closed, name, at));
        if (result === "refused") refused += 1;
        else if (result === expected) ignored += 1;
        else problems.push(`${name} at ${at}: the log holds\n${result}`);
      }
    }
    expect(problems).toEqual([]);
    // Only the mark behind the last batch, and segments that no longer count, may change unnoticed.
    expect(refused).toBeGreaterThan(100);
    expect(ignored / (refused + ignored)).toBeLessThan(0.75);
  });

  test("opens in quarantine without the damaged groups, and the others are right", async () => {
    const sound = await openOn(closed.copy(), 6);
    const lines = new Map(sound.groups().map((group) => [group, digestGroup(sound, group)]));
    const problems: string[] = [];
    let quarantined = 0;
    for (const name of closed.names()) {
      for (let at = 4096; at < usedBytes(closed.bytes(name)); at += 2 * stride) {
        const log = await openOn(flipped(closed, name, at), 7, "quarantine").catch(() => undefined);
        if (log === undefined) continue;
        const damaged = new Set(log.damaged().map(({ group }) => group));
        quarantined += damaged.size;
        for (const [group, line] of lines) {
          const found = attempt(() => digestGroup(log, group));
          if (found !== (damaged.has(group) ? "CORRUPT" : line)) problems.push(`${name} at ${at}: ${found}`);
        }
      }
    }
    expect(problems).toEqual([]);
    expect(quarantined).toBeGreaterThan(10);
  });

  test("a quarantined group can be removed, and the log is sound afterwards", async () => {
    for (const name of closed.names()) {
      for (let at = 4096; at < usedBytes(closed.bytes(name)); at += 5) {
        const disk = flipped(closed, name, at);
        const log = await openOn(disk, 8, "quarantine").catch(() => undefined);
        const [damaged] = log?.damaged() ?? [];
        if (log === undefined || damaged === undefined) continue;
        const write = log.append([{ group: damaged.group, hardState: { term: 99, vote: 0, commit: 0 } }]);
        await expect(write).rejects.toMatchObject({ code: "CORRUPT" });
        for (const { group } of log.damaged()) await log.append([{ group, remove: true }]);
        expect(log.damaged()).toEqual([]);
        const others = log.groups();
        await log.close();
        expect((await openOn(disk, 9)).groups()).toEqual(others);
        return;
      }
    }
    throw new Error("nothing could be quarantined");
  });

  test.each(["missing", "of another log", "shortened", "renamed"])(
    "refuses a segment that is %s",
    async (how) => {
      const disk = closed.copy();
      const names = disk.names().filter((name) => name.endsWith(".wal"));
      const [name = ""] = names.slice(-2);
      if (how === "missing") disk.discard(name);
      else if (how === "shortened") disk.put(name, disk.bytes(name).slice(0, 8192));
      else if (how === "renamed") {
        disk.put("0000000099.wal", disk.bytes(name));
        disk.discard(name);
      } else {
        const other = new TestDisk();
        await runWorkload(other, { seed: seed + 1, appends: 25, close: true });
        disk.put(
          name,
          other.bytes(other.names().find((candidate) => candidate === name) ?? other.names()[0] ?? ""),
        );
      }
      expect(await openDamaged(disk)).toBe("refused");
    },
  );
});

describe("a log whose process died", () => {
  test("and one of whose bits has changed, lost nothing but what looks like a torn write, or refuses to open", async () => {
    // Behind the last batch there is nothing that could tell damage from a torn write: it alone may be missing.
    const possible = new Set([...digests.slice(-3), "refused"]);
    const problems: string[] = [];
    for (const name of crashed.names()) {
      for (let at = 4096; at < usedBytes(crashed.bytes(name)); at += stride) {
        const result = await openDamaged(flipped(crashed, name, at));
        if (!possible.has(result)) problems.push(`${name} at ${at}: the log holds\n${result}`);
      }
    }
    expect(problems).toEqual([]);
  });

  test("a batch that lost sectors is a torn tail at the end, and damage anywhere else", async () => {
    const sound = digests.at(-1);
    const random = seeded(4);
    let torn = 0;
    let damaged = 0;
    for (const name of crashed.names()) {
      const used = usedBytes(crashed.bytes(name));
      for (let sector = 8; sector * 512 < used; sector++) {
        const disk = crashed.copy();
        disk.bytes(name).fill(random() < 0.5 ? 0 : 0xa5, sector * 512, sector * 512 + 512);
        const result = await openDamaged(disk);
        if (result === "refused") damaged += 1;
        else if (result !== sound) torn += 1;
      }
    }
    expect(torn).toBeGreaterThan(0);
    expect(damaged).toBeGreaterThan(torn);
  });
});

function hardState(term: number): LogWrite[] {
  return [{ group: 1, hardState: { term, vote: 1, commit: 0 } }];
}

test("a batch of another history in the place of a durable one is damage", async () => {
  const start = new TestDisk();
  const log = await openOn(start, 11);
  await log.append(hardState(1));
  const [one, other] = [start.copy(), start.copy()];
  const logs = [await openOn(one, 12), await openOn(other, 12)];
  // The header, and the first batch with the two records that create the group and state its term.
  const end = 4096 + 48 + 32 + 56;
  await logs[0]?.append(hardState(2));
  await logs[1]?.append(hardState(3));
  await logs[1]?.append(hardState(4));
  const stale = one.bytes("0000000001.wal").subarray(end, end + 104);
  other.bytes("0000000001.wal").set(stale, end);
  expect(await openDamaged(other)).toBe("refused");
});

test("an entry that is damaged while the log is open is found when it is read", async () => {
  const disk = new TestDisk();
  const log = await openOn(disk, 9);
  const data = new Uint8Array(9000).fill(3);
  await log.append([{ group: 1, entries: [{ type: 0, term: 1, index: 1, data }] }]);
  await log.append([{ group: 1, entries: [{ type: 0, term: 1, index: 2, data: data.slice(0, 10) }] }]);
  const bytes = disk.bytes("0000000001.wal");
  bytes[8000] = (bytes[8000] ?? 0) ^ 1;
  expect(() => log.reader(1).entries(1, 3, 1_000_000)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
  expect(log.reader(1).entries(2, 3, 1_000_000).length).toBe(1);
});
