import { describe, expect, it } from "vitest";
import { DataFile } from "../log/data-file.ts";
import { resolveOptions, type ResolvedMergePolicy } from "../options.ts";
import { chooseInputs, isInWindow, isMergeDue } from "./merge-plan.ts";

const policy: ResolvedMergePolicy = resolveOptions({
  maxFileBytes: 1_000_000,
  merge: {
    triggerDeadFraction: 0.6,
    triggerDeadBytes: 400_000,
    includeDeadFraction: 0.4,
    smallFileBytes: 10_000,
    triggerSmallFiles: 3,
  },
}).merge;
let nextId = 1;

function file(size: number, liveBytes: number, more: Partial<DataFile> = {}): DataFile {
  const made = new DataFile({ fileId: nextId++, kind: "log", salt: new Uint8Array(8), seed: 0, size });
  return Object.assign(made, { liveBytes, sealed: true, minSeq: made.fileId, ...more });
}

const choose = (files: DataFile[], force = false, nowMs = 0): number[] =>
  chooseInputs(files, policy, { nowMs, force }).map((each) => each.fileId);

describe("the merge policy", () => {
  it("starts when one file is dead enough by share or by bytes, or there are too many small ones", () => {
    expect(isMergeDue([file(100_000, 99_000)], policy, 0)).toBe(false);
    expect(isMergeDue([file(100_000, 30_000)], policy, 0)).toBe(true);
    expect(isMergeDue([file(900_000, 490_000)], policy, 0)).toBe(true);
    expect(isMergeDue([file(5000, 5000), file(5000, 100)], policy, 0)).toBe(false);
    expect(isMergeDue([file(5000, 5000), file(5000, 100), file(200, 100)], policy, 0)).toBe(true);
  });

  it("takes what is worth it, and leaves alone what is being written, damaged or already gone", () => {
    const [dead, live, small] = [file(100_000, 50_000), file(100_000, 80_000), file(9000, 8900)];
    const excluded = [
      file(100_000, 0, { sealed: false }),
      file(100_000, 0, { damaged: true }),
      file(100_000, 0, { retired: true }),
    ];
    expect(choose([dead, live, small, ...excluded])).toEqual([dead.fileId, small.fileId]);
    expect(choose([dead, live, small, ...excluded], true)).toEqual([dead.fileId, live.fileId, small.fileId]);
  });

  it("does not copy a single file that holds nothing dead", () => {
    expect(choose([file(9064, 9000)])).toEqual([]);
    expect(choose([file(9064, 9000)], true)).toEqual([]);
  });

  it("takes a file in which everything has expired", () => {
    const expired = file(100_000, 99_936, { expiringBytes: 99_936, maxExpiresAtMs: 50 });
    expect([choose([expired], false, 49), choose([expired], false, 50)]).toEqual([[], [expired.fileId]]);
    expect([isMergeDue([expired], policy, 49), isMergeDue([expired], policy, 50)]).toEqual([false, true]);
  });

  it("counts deletions that must stay as alive until a file they wait for is gone", () => {
    const blocker = file(100_000, 100_000);
    const kept = file(100_064, 0, { keptDeletions: { bytes: 100_000, blockers: [blocker] } });
    expect(choose([kept])).toEqual([]);
    blocker.retired = true;
    expect(choose([kept])).toEqual([kept.fileId]);
  });

  it("knows windows that go past midnight", () => {
    const hours = Array.from({ length: 24 }, (_, hour) => hour);
    expect(hours.filter((hour) => isInWindow(hour, { fromHour: 22, toHour: 2 }))).toEqual([0, 1, 22, 23]);
    expect(hours.filter((hour) => isInWindow(hour, { fromHour: 1, toHour: 3 }))).toEqual([1, 2]);
    expect(hours.filter((hour) => isInWindow(hour, undefined))).toEqual(hours);
  });
});
