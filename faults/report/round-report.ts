/** What came of one round, in numbers and in words. */
import type { Violation } from "../checks/violation.ts";
import type { DoneFault } from "../nemesis/nemesis.ts";
import type { History, RecordedOperation } from "../workload/history.ts";

/** Operations of one kind by outcome. */
export interface OutcomeCounts {
  ok: number;
  NOT_APPLIED: number;
  UNKNOWN: number;
}

/** A time without an answer that needs a majority. */
export interface Silence {
  readonly shard: number;
  /** When it began, from the beginning of the round, in milliseconds. */
  readonly beganMs: number;
  readonly durationMs: number;
}

export interface RoundReport {
  readonly round: number;
  readonly seconds: number;
  /** By kind: `put`, `delete`, `compareAndSet`, `txn`, `read linearizable`, …, `ledger`. */
  readonly operations: Readonly<Record<string, OutcomeCounts>>;
  readonly faults: readonly DoneFault[];
  /** The longest time in which no operation on a shard was acknowledged. */
  readonly longestSilence: Silence;
  /** From the end of all faults until every node was ready, in milliseconds. */
  readonly recoveryMs: number;
  readonly keys: number;
  readonly violations: readonly Violation[];
  /** Objects whose history was not decided. */
  readonly undecided: readonly string[];
}

function kindOf({ input, level }: RecordedOperation): string {
  return input.type === "read" ? `read ${level}` : input.type;
}

export function countOperations({ operations, ledger }: History): Record<string, OutcomeCounts> {
  const counts: Record<string, OutcomeCounts> = {};
  const all = [
    ...operations.map((operation) => [kindOf(operation), operation.outcome] as const),
    ...ledger.map(({ outcome }) => ["ledger", outcome] as const),
  ];
  for (const [kind, outcome] of all) {
    counts[kind] ??= { ok: 0, NOT_APPLIED: 0, UNKNOWN: 0 };
    counts[kind][outcome] += 1;
  }
  return counts;
}

/** Whether the answer shows that a majority agreed just then. */
function needsMajority({ outcome, level }: RecordedOperation): boolean {
  return outcome === "ok" && (level === undefined || level === "linearizable");
}

/**
 * The longest silence of any shard, from the first call to the end. It says something about the cluster only because the
 * callers ask every shard all the time; one that waits for another shard's answer is missing for up to its timeout.
 */
export function longestSilence(
  operations: readonly RecordedOperation[],
  fields: { readonly shards: readonly number[]; readonly endMs: number },
): Silence {
  const { shards, endMs } = fields;
  const beganMs = operations[0]?.callMs ?? endMs;
  const answers = Map.groupBy(operations.filter(needsMajority), ({ origin }) => origin?.shard);
  let longest: Silence = { shard: 0, beganMs: 0, durationMs: 0 };
  for (const shard of shards) {
    const times = (answers.get(shard) ?? []).map(({ returnMs }) => returnMs).toSorted((a, b) => a - b);
    let lastMs = beganMs;
    for (const timeMs of [...times, endMs]) {
      const durationMs = timeMs - lastMs;
      if (durationMs > longest.durationMs) longest = { shard, beganMs: lastMs - beganMs, durationMs };
      lastMs = timeMs;
    }
  }
  return longest;
}

/** The faults that lasted into a silence: what may explain it. */
export function faultsDuring({ beganMs, durationMs }: Silence, faults: readonly DoneFault[]): DoneFault[] {
  return faults.filter((fault) => fault.endedMs > beganMs && fault.beganMs < beganMs + durationMs);
}

/** Everything of several rounds added up. */
export interface Totals {
  readonly rounds: number;
  readonly operations: Readonly<Record<string, OutcomeCounts>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly failedFaults: number;
  readonly longestSilenceMs: number;
  readonly longestRecoveryMs: number;
  readonly violations: number;
  readonly undecided: number;
}

export function addUp(rounds: readonly RoundReport[]): Totals {
  const operations: Record<string, OutcomeCounts> = {};
  const faults: Record<string, number> = {};
  for (const round of rounds) {
    for (const [kind, counts] of Object.entries(round.operations)) {
      operations[kind] ??= { ok: 0, NOT_APPLIED: 0, UNKNOWN: 0 };
      for (const outcome of ["ok", "NOT_APPLIED", "UNKNOWN"] as const)
        operations[kind][outcome] += counts[outcome];
    }
    for (const { kind } of round.faults) faults[kind] = (faults[kind] ?? 0) + 1;
  }
  const sum = (of: (round: RoundReport) => number): number =>
    rounds.reduce((total, round) => total + of(round), 0);
  return {
    rounds: rounds.length,
    operations,
    faults,
    failedFaults: sum((round) => round.faults.filter(({ failure }) => failure !== undefined).length),
    longestSilenceMs: Math.max(0, ...rounds.map((round) => round.longestSilence.durationMs)),
    longestRecoveryMs: Math.max(0, ...rounds.map((round) => round.recoveryMs)),
    violations: sum(({ violations }) => violations.length),
    undecided: sum(({ undecided }) => undecided.length),
  };
}

function inSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function column(value: number | string): string {
  return String(value).padStart(10);
}

/** The sums as lines for a person. */
export function describeTotals(totals: Totals): string[] {
  const kinds = Object.entries(totals.operations).toSorted(([left], [right]) => (left < right ? -1 : 1));
  const faults = Object.entries(totals.faults).map(([kind, count]) => `${count} ${kind}`);
  const total = kinds.reduce((sum, [, { ok, NOT_APPLIED, UNKNOWN }]) => sum + ok + NOT_APPLIED + UNKNOWN, 0);
  return [
    `${"operations".padEnd(20)}${column("ok")}${column("not done")}${column("unknown")}`,
    ...kinds.map(
      ([kind, { ok, NOT_APPLIED, UNKNOWN }]) =>
        `${kind.padEnd(20)}${column(ok)}${column(NOT_APPLIED)}${column(UNKNOWN)}`,
    ),
    `${total} operations in ${totals.rounds} rounds`,
    `faults: ${faults.join(", ") || "none"}; ${totals.failedFaults} could not be done as planned`,
    `longest time without an answer in a shard: ${inSeconds(totals.longestSilenceMs)}; until ready after all faults: ${inSeconds(totals.longestRecoveryMs)}`,
    `${totals.violations} violations, ${totals.undecided} histories undecided`,
  ];
}
