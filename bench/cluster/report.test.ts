import { expect, test } from "vitest";
import { chartOf } from "./chart.ts";
import { type DriverName } from "./contenders.ts";
import { showNumber, showRatio } from "./figures.ts";
import { judgeGoals, lostCells } from "./goals.ts";
import type { Cell, Sample } from "./measurement.ts";
import { reportOf } from "./report.ts";
import { Collected, ratioTo, type Results } from "./results.ts";

const put: Cell = { workload: "put", callers: 64, valueBytes: 256 };

function sample(perSecond: number, more: Partial<Sample> = {}): Sample {
  return {
    operations: perSecond,
    seconds: 1,
    p50Ms: 1,
    p99Ms: 2,
    p999Ms: 3,
    driverCpuSeconds: 0.1,
    serverCpuSeconds: perSecond / 10_000,
    errors: 0,
    errorMessages: [],
    ...more,
  };
}

function resultsOf(measured: readonly (readonly [DriverName, Cell, Sample])[]): Results {
  const collected = new Collected();
  for (const [driver, cell, found] of measured) collected.add(driver, cell, found);
  return {
    measuredAt: "2026-01-02T03:04:05Z",
    quick: false,
    machine: {
      processor: "a processor",
      cores: 2,
      memoryGib: 8,
      kernel: "6.0",
      node: "v24",
      etcd: "3.4",
      redis: undefined,
      fileSystem: "ext4",
      fdatasync: { p50Ms: 0.5, p99Ms: 1 },
    },
    settings: { rounds: 1, warmupMs: 1000, measureMs: 4000, keys: 1000, keyBytes: 16 },
    skipped: [],
    rows: collected.rows(),
    clients: [],
  };
}

test("a ratio is against the faster of a rival's clients", () => {
  const { rows } = resultsOf([
    ["titan", put, sample(60_000)],
    ["etcd3", put, sample(4_000)],
    ["etcd-lean", put, sample(8_000)],
  ]);
  expect(ratioTo(rows, ["etcd3"], put)).toBe(15);
  expect(ratioTo(rows, ["etcd3", "etcd-lean"], put)).toBe(7.5);
  expect(ratioTo(rows, ["ioredis"], put)).toBeUndefined();
  expect(ratioTo(rows, ["etcd3"], { ...put, callers: 1 })).toBeUndefined();
});

test("samples of one cell over several rounds are one row", () => {
  const { rows } = resultsOf([
    ["titan", put, sample(10)],
    ["titan", { ...put }, sample(30)],
    ["titan", { ...put, valueBytes: 1024 }, sample(5)],
  ]);
  expect(rows.map(({ samples }) => samples.length)).toEqual([2, 1]);
  expect(rows[0]?.summary.opsPerSecond).toBe(20);
});

function judged(own: number): unknown {
  return judgeGoals(
    resultsOf([
      ["titan", put, sample(own)],
      ["etcd-lean", put, sample(1_000)],
    ]),
  ).map(({ goal, isReached }) => [goal.text, isReached]);
}

test("a goal is reached exactly from its ratio on, and judged only where both were measured", () => {
  expect(judged(10_000)).toEqual([["puts, 64 callers: 10 × etcd", true]]);
  expect(judged(9_999)).toEqual([["puts, 64 callers: 10 × etcd", false]]);
});

test("a cell is lost when a rival is better in anything, also when we are faster", () => {
  const lost = lostCells(
    resultsOf([
      ["titan", put, sample(60_000, { p99Ms: 9, serverCpuSeconds: 0.6 })],
      ["ioredis", put, sample(50_000, { p99Ms: 2, serverCpuSeconds: 1 })],
      ["ioredis-auto-pipelining", put, sample(40_000, { p99Ms: 3, serverCpuSeconds: 0.2 })],
    ]),
    ["ioredis", "ioredis-auto-pipelining"],
  );
  expect(
    lost.map(({ comparisons }) =>
      comparisons.filter(({ isLost }) => isLost).map(({ aspect, own, theirs }) => [aspect.name, own, theirs]),
    ),
  ).toEqual([
    [
      ["p99 ms", 9, 2],
      ["CPU µs/op, servers", 10, 5],
    ],
  ]);
});

test("a cell in which no rival is better, or none was measured, is not lost", () => {
  const results = resultsOf([
    ["titan", put, sample(60_000)],
    ["etcd3", put, sample(50_000)],
  ]);
  expect(lostCells(results, ["etcd3", "etcd-lean"])).toEqual([]);
  expect(lostCells(results, ["ioredis"])).toEqual([]);
});

test("the report shows errors, a goal that was missed and a system that was left out", () => {
  const results = resultsOf([
    ["titan", put, sample(20_000, { errors: 3, errorMessages: ["no leader"] })],
    ["etcd3", put, sample(4_000)],
  ]);
  const text = reportOf({ ...results, skipped: [{ system: "redis", reason: "it is not there" }] });
  expect(text).toContain("3 errors, such as `no leader`");
  expect(text).toContain("| puts, 64 callers: 10 × etcd | 256 | 5.0 × | 5.0 × | **not reached** |");
  expect(text).toContain("**redis was left out: it is not there.**");
  expect(text).not.toMatch(/NaN|undefined|Infinity/);
});

test("a table has as many cells in every line", () => {
  const text = reportOf(
    resultsOf([
      ["titan", put, sample(1)],
      ["ioredis", put, sample(2)],
    ]),
  );
  for (const table of text.split("\n\n").filter((part) => part.startsWith("| "))) {
    const widths = table
      .trim()
      .split("\n")
      .map((line) => line.split("|").length);
    expect(new Set(widths).size).toBe(1);
  }
});

test("the picture is well-formed, and its longest bar leaves room for its number", () => {
  const svg = chartOf(
    resultsOf([
      ["titan", put, sample(100_000)],
      ["etcd3", put, sample(1)],
      ["titan", { ...put, workload: "get" }, sample(7)],
    ]),
  );
  const open = [...svg.matchAll(/<([a-z]+)(?:>|\s[^>]*[^/]>)/g)].map(([, name]) => name).toSorted();
  const closed = [...svg.matchAll(/<\/([a-z]+)>/g)].map(([, name]) => name).toSorted();
  expect(open).toEqual(closed);
  const widths = [...svg.matchAll(/<rect x="0" y="\d+" width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(Math.max(...widths)).toBe(236);
  expect(Math.min(...widths)).toBe(1);
  expect(svg).toContain("prefers-color-scheme: dark");
});

test("numbers have three digits, ratios two", () => {
  expect([1234.5, 99.94, 64, 1.234, 0.056].map(showNumber)).toEqual(["1,235", "99.9", "64", "1.23", "0.06"]);
  expect([23.4, 7.46, 0.456, undefined].map(showRatio)).toEqual(["23 ×", "7.5 ×", "0.46 ×", "–"]);
});
