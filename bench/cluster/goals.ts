/** What Titan-KV means to reach, and whether a run reached it; and everything in which a rival was better. */
import type { DriverName } from "./contenders.ts";
import type { Cell, Workload } from "./measurement.ts";
import { ratioTo, type Results, type Row, rowOf } from "./results.ts";

/** Each rival's clients, the usual one first. */
export const etcdDrivers: readonly DriverName[] = ["etcd3", "etcd-lean"];
export const redisDrivers: readonly DriverName[] = ["ioredis", "ioredis-auto-pipelining"];

export interface Goal {
  readonly text: string;
  readonly workload: Workload;
  readonly callers: number;
  readonly rivals: readonly DriverName[];
  /** Ours must do at least so many times the operations of the faster of the rivals' clients. */
  readonly atLeast: number;
}

export const goals: readonly Goal[] = [
  { text: "puts, 64 callers: 10 × etcd", workload: "put", callers: 64, rivals: etcdDrivers, atLeast: 10 },
  { text: "puts, 256 callers: 10 × etcd", workload: "put", callers: 256, rivals: etcdDrivers, atLeast: 10 },
  {
    text: "linearizable gets, 64 callers: 20 × etcd",
    workload: "get",
    callers: 64,
    rivals: etcdDrivers,
    atLeast: 20,
  },
  {
    text: "puts, 64 callers: past one redis, with three replicas",
    workload: "put",
    callers: 64,
    rivals: redisDrivers,
    atLeast: 1,
  },
  {
    text: "puts, 256 callers: past one redis, with three replicas",
    workload: "put",
    callers: 256,
    rivals: redisDrivers,
    atLeast: 1,
  },
];

export interface GoalResult {
  readonly goal: Goal;
  readonly valueBytes: number;
  /** To the faster of the rival's clients: this is what decides. */
  readonly ratio: number;
  /** To the rival's usual client; undefined when that was not measured. */
  readonly usualRatio: number | undefined;
  readonly isReached: boolean;
}

/** Each goal for each size of value that was measured. */
export function judgeGoals({ rows }: Results): GoalResult[] {
  const sizes = [...new Set(rows.map(({ cell }) => cell.valueBytes))];
  return goals.flatMap((goal) =>
    sizes.flatMap((valueBytes) => {
      const { workload, callers, rivals, atLeast } = goal;
      const cell = { workload, callers, valueBytes };
      const ratio = ratioTo(rows, rivals, cell);
      if (ratio === undefined) return [];
      const usualRatio = ratioTo(rows, rivals.slice(0, 1), cell);
      return [{ goal, valueBytes, ratio, usualRatio, isReached: ratio >= atLeast }];
    }),
  );
}

/** A figure by which two rows can be compared. */
export interface Aspect {
  readonly name: string;
  readonly of: (row: Row) => number;
  readonly moreIsBetter: boolean;
}

export const aspects: readonly Aspect[] = [
  { name: "operations/s", of: ({ summary }) => summary.opsPerSecond, moreIsBetter: true },
  { name: "p50 ms", of: ({ summary }) => summary.p50Ms, moreIsBetter: false },
  { name: "p99 ms", of: ({ summary }) => summary.p99Ms, moreIsBetter: false },
  {
    name: "CPU µs/op, servers",
    of: ({ summary }) => summary.serverCpuSecondsPerOp * 1e6,
    moreIsBetter: false,
  },
];

/** A figure of ours beside the best of a rival's. */
export interface Comparison {
  readonly aspect: Aspect;
  readonly own: number;
  readonly theirs: number;
  readonly isLost: boolean;
}

/** A cell in which a rival is better in something. */
export interface LostCell {
  readonly cell: Cell;
  /** Every aspect, lost or not. */
  readonly comparisons: readonly Comparison[];
}

/** The cells in which any of a rival's clients is better in any aspect; of the clients, the better one counts in each. */
export function lostCells({ rows }: Results, rivals: readonly DriverName[]): LostCell[] {
  return rows
    .filter(({ driver }) => driver === "titan")
    .flatMap((own) => {
      const theirs = rivals.flatMap((rival) => rowOf(rows, rival, own.cell) ?? []);
      if (theirs.length === 0) return [];
      const comparisons = aspects.map((aspect) => compare(aspect, own, theirs));
      return comparisons.some(({ isLost }) => isLost) ? [{ cell: own.cell, comparisons }] : [];
    });
}

function compare(aspect: Aspect, ownRow: Row, rivalRows: readonly Row[]): Comparison {
  const own = aspect.of(ownRow);
  const figures = rivalRows.map((row) => aspect.of(row));
  const theirs = aspect.moreIsBetter ? Math.max(...figures) : Math.min(...figures);
  return { aspect, own, theirs, isLost: aspect.moreIsBetter ? theirs > own : theirs < own };
}
