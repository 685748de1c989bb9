import { describe, expect, test } from "vitest";
import { emptyConfiguration } from "../core/configuration.ts";
import { EntryType } from "../core/entry.ts";
import type { ProgressStatus, Status } from "../core/status.ts";
import { inPieces } from "./chunked.ts";
import { CompactionRule } from "./compaction-rule.ts";
import { DiskWatch } from "./disk-watch.ts";
import { resolvePolicy } from "./group-options.ts";
import { bestSuccessor, PromotionRule } from "./leader-rules.ts";
import { Ticker } from "./ticker.ts";

describe("the ticker", () => {
  test("hands out the ticks that have passed, and keeps the rest", () => {
    const ticker = new Ticker({ tickMs: 50, suspensionMs: 500, nowMs: 1000 });
    expect(ticker.pass(1049)).toEqual({ ticks: 0, suspendedMs: 0 });
    expect(ticker.pass(1051)).toEqual({ ticks: 1, suspendedMs: 0 });
    expect(ticker.pass(1249)).toEqual({ ticks: 3, suspendedMs: 0 });
    expect(ticker.pass(1250)).toEqual({ ticks: 1, suspendedMs: 0 });
  });

  test("counts a long gap as one tick, and reports it", () => {
    const ticker = new Ticker({ tickMs: 50, suspensionMs: 500, nowMs: 0 });
    expect(ticker.pass(501)).toEqual({ ticks: 1, suspendedMs: 501 });
    expect(ticker.pass(551)).toEqual({ ticks: 1, suspendedMs: 0 });
  });
});

test("the disk is slow after one election timeout, stalled after two, and healthy only when nothing waits", () => {
  const watch = new DiskWatch(1000);
  const states = [0, 1000, 1001, 2001, 1500, 10, 0, 10].map((pendingMs) => {
    watch.look(pendingMs);
    return watch.state;
  });
  expect(states).toEqual([
    "healthy",
    "healthy",
    "slow",
    "stalled",
    "stalled",
    "stalled",
    "healthy",
    "healthy",
  ]);
});

function progress(replica: number, match: number, rest: Partial<ProgressStatus> = {}): ProgressStatus {
  return {
    replica,
    state: "replicate",
    match,
    next: match + 1,
    paused: false,
    pendingSnapshot: 0,
    recentActive: true,
    learner: false,
    inflightMessages: 0,
    inflightBytes: 0,
    ...rest,
  };
}

function leading(rest: Partial<Status>): Status {
  return {
    id: 1,
    hardState: { term: 3, vote: 1, commit: 1000 },
    role: "leader",
    leader: 1,
    applied: 1000,
    firstIndex: 1,
    lastIndex: 1000,
    configuration: { ...emptyConfiguration, voters: [1, 2, 3], learners: [4], index: 7 },
    changePending: false,
    transferTarget: 0,
    uncommittedBytes: 0,
    pendingReads: 0,
    leaseValid: false,
    progress: [],
    ...rest,
  };
}

describe("the compaction rule", () => {
  const policy = resolvePolicy({
    snapshotEntries: 10,
    snapshotIntervalMs: 1000,
    keepEntries: 5,
    keepBytes: 100,
  });
  const entries = Array.from({ length: 10 }, (_, at) => ({
    type: EntryType.Normal,
    term: 1,
    index: at + 1,
    data: new Uint8Array(10),
  }));

  test("is due by number, by bytes and by time, and never without entries", () => {
    const rule = new CompactionRule(policy, { nowMs: 0, configuration: emptyConfiguration });
    expect(rule.due(5000)).toBe(false);
    rule.applied(entries.slice(0, 1));
    expect(rule.due(999)).toBe(false);
    expect(rule.due(1000)).toBe(true);
    rule.applied(entries);
    expect(rule.due(1)).toBe(true);
    rule.begun(2, 11);
    expect(rule.due(5000)).toBe(false);
    const byBytes = new CompactionRule(
      { ...policy, snapshotBytes: 30 },
      { nowMs: 0, configuration: emptyConfiguration },
    );
    byBytes.applied(entries.slice(0, 3));
    expect(byBytes.due(1)).toBe(true);
  });

  test("keeps a few entries, more for living followers as far as the bytes reach, none when urgent", () => {
    const rule = new CompactionRule(policy, { nowMs: 0, configuration: emptyConfiguration });
    rule.applied(entries);
    rule.begun(1, 10);
    expect(rule.through(100, [], false)).toBe(95);
    expect(rule.through(100, [progress(2, 93)], false)).toBe(93);
    expect(rule.through(100, [progress(2, 40)], false)).toBe(90);
    expect(rule.through(100, [progress(2, 40, { recentActive: false })], false)).toBe(95);
    expect(rule.through(100, [progress(2, 40)], true)).toBe(100);
    expect(rule.through(3, [], false)).toBe(0);
  });

  test("remembers which configuration was in force at an index", () => {
    const rule = new CompactionRule(policy, { nowMs: 0, configuration: emptyConfiguration });
    const later = { ...emptyConfiguration, index: 20 };
    rule.configurationChanged(20, later);
    expect(rule.configurationAt(19)).toBe(emptyConfiguration);
    expect(rule.configurationAt(20)).toBe(later);
    rule.begun(1, 25);
    expect(rule.configurationAt(25)).toBe(later);
    expect(rule.configurationAt(19)).toBeUndefined();
  });
});

describe("a leader", () => {
  test("hands over to the living voter that is furthest along", () => {
    const others = [
      progress(1, 1000),
      progress(2, 900),
      progress(3, 950),
      progress(4, 1000, { learner: true }),
    ];
    expect(bestSuccessor(leading({ progress: others }))).toBe(3);
    expect(bestSuccessor(leading({ progress: [progress(2, 900, { recentActive: false })] }))).toBeUndefined();
  });

  test("promotes a learner that looks caught up twice in a row", () => {
    const rule = new PromotionRule();
    const behind = leading({ progress: [progress(4, 100, { learner: true })] });
    const caughtUp = leading({ progress: [progress(4, 990, { learner: true })] });
    expect([behind, caughtUp, behind, caughtUp].map((status) => rule.next(status))).toEqual(
      Array(4).fill(undefined),
    );
    expect(rule.next(caughtUp)).toEqual({
      transition: "auto",
      changes: [{ type: "addVoter", replica: 4 }],
      expectedConfigurationIndex: 7,
    });
    expect(rule.next({ ...caughtUp, changePending: true })).toBeUndefined();
  });
});

test.each([
  [[], [0]],
  [[3], [3]],
  [[4], [4]],
  [[5], [4, 1]],
  [
    [1, 1, 1, 1, 1, 3],
    [4, 4],
  ],
  [[9], [4, 4, 1]],
])("chunks of %j bytes are cut into pieces of %j", async (chunks, expected) => {
  async function* source(): AsyncGenerator<Uint8Array> {
    let value = 0;
    for (const length of chunks) yield Uint8Array.from({ length }, () => value++);
  }
  const pieces: number[] = [];
  const bytes: number[] = [];
  const lasts: boolean[] = [];
  for await (const { data, last } of inPieces(source(), 4)) {
    pieces.push(data.length);
    bytes.push(...data);
    lasts.push(last);
  }
  expect(pieces).toEqual(expected);
  expect(bytes).toEqual(bytes.map((_, at) => at));
  expect(lasts.indexOf(true)).toBe(lasts.length - 1);
});
