import { describe, expect, test } from "vitest";
import { type CrashImage, type Fault, seeded, TestDisk } from "./wal-disk.ts";
import { digestLog, openOn, type RunResult, runWorkload, workloadGroups } from "./wal-workload.ts";

// Every call of the file system is a place to die. A longer sweep: TITAN_WAL_SEEDS=50 vitest run wal-crash; one seed
// again: TITAN_WAL_SEED=17 TITAN_WAL_SEEDS=1 vitest run wal-crash.
const seeds = Number(process.env["TITAN_WAL_SEEDS"] ?? 2);
const firstSeed = Number(process.env["TITAN_WAL_SEED"] ?? 1);
const appends = 60;
const images = ["lost", "kept", "torn", "killed"] satisfies CrashImage[];

/**
 * What is wrong with the log on `disk`; nothing, when it is the log after some append that is not before the last one
 * that was acknowledged.
 */
async function problemsOf(disk: TestDisk, run: RunResult, what: string): Promise<string[]> {
  try {
    const log = await openOn(disk, 1);
    const found = digestLog(log, workloadGroups);
    if (!run.digests.slice(run.acknowledged).includes(found)) return [`${what}: the log holds\n${found}`];
    // What was recovered is durable from now on, even if nothing is written.
    const lost = await openOn(
      disk.after("lost", () => 0),
      3,
    );
    if (digestLog(lost, workloadGroups) !== found) return [`${what}: recovered, and lost by the next crash`];
    await log.append([{ group: 9, hardState: { term: 1, vote: 1, commit: 0 } }]);
    const again = await openOn(
      disk.after("lost", () => 0),
      2,
    );
    const foundAgain = digestLog(again, workloadGroups).replace(/^9 .*\n/mu, "");
    return foundAgain === found ? [] : [`${what}: opened again the log holds\n${foundAgain}`];
  } catch (error) {
    return [`${what}: ${String(error)}`];
  }
}

async function callsOf(seed: number): Promise<number> {
  const disk = new TestDisk();
  const { error } = await runWorkload(disk, { seed, appends, close: true });
  if (error !== undefined) throw error;
  return disk.calls;
}

function diskWith(faultAt: number, fault: Fault): TestDisk {
  const disk = new TestDisk();
  disk.faultAt = faultAt;
  disk.fault = fault;
  return disk;
}

describe.each(Array.from({ length: seeds }, (_, at) => firstSeed + at))("with seed %i", (seed) => {
  test("a crash at any call loses nothing that was acknowledged", async () => {
    const calls = await callsOf(seed);
    const problems: string[] = [];
    for (let at = 1; at <= calls; at++) {
      for (const when of ["before", "during", "after"] as const) {
        const disk = diskWith(at, { kind: "crash", when });
        const run = await runWorkload(disk, { seed, appends, close: true });
        for (const image of images) {
          const what = `crash ${when} call ${at} (${disk.log.at(-1)}), ${image}`;
          problems.push(...(await problemsOf(disk.after(image, seeded(seed * 1000 + at)), run, what)));
        }
      }
    }
    expect(calls).toBeGreaterThan(appends / 2);
    expect(problems).toEqual([]);
  });

  test("a crash while the log of a crash is being opened changes nothing", async () => {
    const calls = await callsOf(seed);
    const problems: string[] = [];
    for (let at = 3; at <= calls; at += 7) {
      const first = diskWith(at, { kind: "crash", when: "during" });
      const run = await runWorkload(first, { seed, appends, close: false });
      for (let second = 1; second <= 6; second++) {
        const disk = first.after("torn", seeded(at));
        disk.faultAt = second;
        disk.fault = { kind: "crash", when: "during" };
        await openOn(disk, 3).catch(() => undefined);
        const what = `crash at call ${at}, then at call ${second} of the next open`;
        problems.push(...(await problemsOf(disk.after("torn", seeded(at + second)), run, what)));
      }
    }
    expect(problems).toEqual([]);
  });

  test("a full disk is waited for, and short writes are completed", async () => {
    const calls = await callsOf(seed);
    const faults: Fault[] = [{ kind: "error", code: "ENOSPC", times: 3 }, { kind: "short" }];
    const problems: string[] = [];
    for (let at = 6; at <= calls; at += 3) {
      for (const fault of faults) {
        const disk = diskWith(at, fault);
        const run = await runWorkload(disk, { seed, appends, close: false });
        const what = `${JSON.stringify(fault)} at call ${at} (${disk.log[at - 1]})`;
        if (run.error !== undefined) problems.push(`${what}: ${run.error.message}`);
        problems.push(
          ...(await problemsOf(
            disk.after("lost", () => 0),
            run,
            what,
          )),
        );
      }
    }
    expect(problems).toEqual([]);
  });

  test("an I/O error poisons the log: nothing is acknowledged any more, and nothing that was is lost", async () => {
    const calls = await callsOf(seed);
    const problems: string[] = [];
    let poisoned = 0;
    for (let at = 1; at <= calls; at += 2) {
      const disk = diskWith(at, { kind: "error", code: "EIO", times: 1 });
      const run = await runWorkload(disk, { seed, appends, close: false });
      const what = `EIO at call ${at} (${disk.log[at - 1]})`;
      if (run.error instanceof Error && "code" in run.error && run.error.code === "POISONED") poisoned += 1;
      else if (run.error !== undefined && run.digests.length > 1)
        problems.push(`${what}: ${run.error.message}`);
      for (const image of images) {
        problems.push(...(await problemsOf(disk.after(image, seeded(at)), run, `${what}, ${image}`)));
      }
    }
    expect(poisoned).toBeGreaterThan(10);
    expect(problems).toEqual([]);
  });
});

test("what a failed write left in the page cache is written again before the next process relies on it", async () => {
  const problems: string[] = [];
  const calls = await callsOf(1);
  let visible = 0;
  for (let at = 1; at <= calls; at++) {
    const disk = diskWith(at, { kind: "phantom" });
    const run = await runWorkload(disk, { seed: 1, appends, close: false });
    if (run.error !== undefined) visible += 1;
    const killed = disk.after("killed", () => 0);
    problems.push(...(await problemsOf(killed, run, `phantom at call ${at} (${disk.log[at - 1]})`)));
  }
  expect(visible).toBeGreaterThan(10);
  expect(problems).toEqual([]);
});

test("a log that failed once writes nothing any more, and can still be read", async () => {
  const disk = new TestDisk();
  const log = await openOn(disk, 1);
  const hardState = { term: 1, vote: 1, commit: 0 };
  await log.append([{ group: 1, hardState }]);
  disk.faultAt = disk.calls + 1;
  disk.fault = { kind: "error", code: "EIO", times: 1 };
  const both = [log.append([{ group: 1, hardState: { ...hardState, term: 2 } }]), log.append([])];
  for (const append of both) await expect(append).rejects.toMatchObject({ code: "POISONED" });
  const { calls } = disk;
  await expect(log.append([{ group: 1, hardState: { ...hardState, term: 3 } }])).rejects.toMatchObject({
    code: "POISONED",
  });
  await expect(log.flush()).rejects.toMatchObject({ code: "POISONED" });
  expect(disk.calls).toBe(calls);
  expect(log.status().failure).toMatchObject({ code: "POISONED" });
  expect(log.reader(1).initialState().hardState).toEqual(hardState);
  await log.close();
});
