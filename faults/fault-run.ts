/** Rounds on one cluster, one after the other, until the time is over or something is wrong. */
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GivenNodeOptions } from "@titan-kv/server";
import { FaultCluster } from "./cluster/fault-cluster.ts";
import type { FaultKind } from "./nemesis/fault.ts";
import { faultKindsOf } from "./nemesis/fault-kinds.ts";
import { describeSchedule, makeSchedule } from "./nemesis/schedule.ts";
import type { NetworkChoice } from "./network/fault-network.ts";
import { addUp, describeTotals, faultsDuring, type RoundReport, type Totals } from "./report/round-report.ts";
import { type RoundResult, runRound } from "./round.ts";

/** What a run is made of. */
export interface FaultRunOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly roundMs: number;
  readonly nodes: number;
  /** Names of kinds of faults. */
  readonly faults: readonly string[];
  readonly network: NetworkChoice;
  /** Elections within half a second instead of two. */
  readonly isFast: boolean;
  /** The repository whose code the nodes run; default: this one. */
  readonly source?: string;
  readonly print: (line: string) => void;
}

export interface FaultRunResult {
  readonly seed: number;
  readonly rounds: readonly RoundReport[];
  readonly totals: Totals;
}

/** Timing of consensus for short runs: more elections in less time. */
export const fastTiming: NonNullable<GivenNodeOptions["raft"]> = {
  tickMs: 20,
  electionTimeoutMs: 300,
  heartbeatMs: 40,
};

/** The kinds that can be done here; says which cannot, and why. */
async function possibleKinds(cluster: FaultCluster, options: FaultRunOptions): Promise<FaultKind[]> {
  const possible: FaultKind[] = [];
  for (const kind of faultKindsOf(options.faults)) {
    const reason = await kind.impossible(cluster);
    if (reason === undefined) possible.push(kind);
    else options.print(`SKIPPED: no ${kind.name} faults, ${reason}`);
  }
  return possible;
}

/** Saves what a person needs to understand a violation. Returns the path. */
async function save(options: FaultRunOptions, { report, history }: RoundResult): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), "titan-history-")), `seed-${options.seed}.json`);
  const { operations, ledger } = history;
  await writeFile(path, JSON.stringify({ seed: options.seed, report, operations, ledger }));
  return path;
}

async function reportRound(options: FaultRunOptions, result: RoundResult): Promise<void> {
  const { report } = result;
  const { print } = options;
  for (const { kind, words, beganMs, failure } of report.faults) {
    if (failure !== undefined)
      print(`  ${(beganMs / 1000).toFixed(1)} s ${kind} (${words}) was not done as planned: ${failure}`);
  }
  const answered = Object.values(report.operations).reduce((sum, { ok }) => sum + ok, 0);
  print(
    `round ${report.round}: ${answered} operations answered, ${report.faults.length} faults, ${report.violations.length} violations`,
  );
  const { shard, beganMs, durationMs } = report.longestSilence;
  print(
    `  longest silence: ${(durationMs / 1000).toFixed(1)} s, of shard ${shard} from ${(beganMs / 1000).toFixed(1)} s on`,
  );
  for (const { kind, words, beganMs: fromMs, endedMs } of faultsDuring(
    report.longestSilence,
    report.faults,
  )) {
    print(
      `    during it: ${kind} (${words}), ${(fromMs / 1000).toFixed(1)} to ${(endedMs / 1000).toFixed(1)} s`,
    );
  }
  if (report.violations.length === 0) return;
  for (const { check, report: seen } of report.violations) print(`VIOLATION of "${check}": ${seen}`);
  print(`seed ${options.seed}; the history is in ${await save(options, result)}`);
}

/** @throws RangeError for a fault that does not exist. */
export async function runFaults(options: FaultRunOptions): Promise<FaultRunResult> {
  const { seed, durationMs, roundMs, nodes, network, isFast, source, faults, print } = options;
  const kinds = faultKindsOf(faults);
  const wantsSmallDisk = kinds.some(({ name }) => name === "disk-full") && process.getuid?.() === 0;
  await using cluster = await FaultCluster.start({
    nodes,
    network,
    source,
    options: { reads: { leases: true }, ...(isFast ? { raft: fastTiming } : {}) },
    ...(wantsSmallDisk ? { smallDiskOn: nodes } : {}),
  });
  const possible = await possibleKinds(cluster, options);
  print(
    `seed ${seed}, ${nodes} nodes, network of ${cluster.network.kind}, ${possible.map(({ name }) => name).join(",")}`,
  );
  const rounds: RoundReport[] = [];
  const count = Math.max(1, Math.round(durationMs / roundMs));
  for (let round = 1; round <= count; round += 1) {
    const schedule = makeSchedule({ seed, round, durationMs: roundMs, nodes, kinds: possible });
    print(`round ${round} of ${count}`);
    for (const line of describeSchedule(schedule)) print(line);
    const result = await runRound({ cluster, seed, round, schedule, durationMs: roundMs });
    rounds.push(result.report);
    await reportRound(options, result);
    if (result.report.violations.length > 0) break;
  }
  const totals = addUp(rounds);
  for (const line of describeTotals(totals)) print(line);
  return { seed, rounds, totals };
}
