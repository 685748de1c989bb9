/** What Titan-KV means to reach, and whether a run reached it; and everything in which a rival was better. */
import { contenderOf, type DriverName } from "./contenders.ts";
import type { Cell, Workload } from "./measurement.ts";
import { ratioTo, type Results, type Row, rowOf } from "./results.ts";

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
  readonly ratio: number;
  readonly isReached: boolean;
}

/** Each goal for each size of value that was measured. */
export function judgeGoals({ rows }: Results): GoalResult[] {
  const sizes = [...new Set(rows.map(({ cell }) => cell.valueBytes))];
  return goals.flatMap((goal) =>
    sizes.flatMap((valueBytes) => {
      const { workload, callers, rivals, atLeast } = goal;
      const ratio = ratioTo(rows, rivals, { workload, callers, valueBytes });
      return ratio === undefined ? [] : [{ goal, valueBytes, ratio, isReached: ratio >= atLeast }];
    }),
  );
}

/** One figure of one cell in which a rival beats us. */
export interface Loss {
  readonly cell: Cell;
  readonly rival: DriverName;
  readonly what: string;
  readonly own: number;
  readonly theirs: number;
}

interface Aspect {
  readonly what: string;
  readonly of: (row: Row) => number;
  readonly isBetter: (one: number, other: number) => boolean;
}

const more = (one: number, other: number): boolean => one > other;
const less = (one: number, other: number): boolean => one < other;

const aspects: readonly Aspect[] = [
  { what: "operations/s", of: ({ summary }) => summary.opsPerSecond, isBetter: more },
  { what: "p50, ms", of: ({ summary }) => summary.p50Ms, isBetter: less },
  { what: "p99, ms", of: ({ summary }) => summary.p99Ms, isBetter: less },
  {
    what: "server CPU, µs/op",
    of: ({ summary }) => summary.serverCpuSecondsPerOp * 1e6,
    isBetter: less,
  },
];

/** Everything that is lost to any rival, the first of `contenders` being ours. */
export function findLosses({ rows }: Results): Loss[] {
  return rows
    .filter(({ driver }) => contenderOf(driver).system !== "titan")
    .flatMap((theirs) => {
      const own = rowOf(rows, "titan", theirs.cell);
      if (own === undefined) return [];
      return aspects
        .filter(({ of, isBetter }) => isBetter(of(theirs), of(own)))
        .map(({ what, of }) => ({
          cell: theirs.cell,
          rival: theirs.driver,
          what,
          own: of(own),
          theirs: of(theirs),
        }));
    });
}
