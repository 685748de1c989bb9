/** One round: clients work while faults happen, the cluster is made whole again, and everything is checked. */
import { checkLinearizable } from "./checks/linearizable.ts";
import { readEverything } from "./checks/final-reads.ts";
import { checkLedger, checkReplicas } from "./checks/replicas.ts";
import { checkReadLevels } from "./checks/read-levels.ts";
import type { Violation } from "./checks/violation.ts";
import type { FaultCluster } from "./cluster/fault-cluster.ts";
import type { Lane } from "./nemesis/fault.ts";
import { finishChanges } from "./nemesis/membership-progress.ts";
import { Nemesis } from "./nemesis/nemesis.ts";
import type { ScheduledFault } from "./nemesis/schedule.ts";
import { countOperations, longestSilence, type RoundReport } from "./report/round-report.ts";
import { History } from "./workload/history.ts";
import { ShardSlots } from "./workload/shard-slots.ts";
import { Workload } from "./workload/workload.ts";

/** How long a cluster may take to be ready once all faults are over, in milliseconds. */
const recoveryLimitMs = 30_000;
/** How long clients go on after the last fault, in milliseconds. */
const calmMs = 1000;

/** What a round is made of. */
export interface RoundOptions {
  readonly cluster: FaultCluster;
  readonly seed: number;
  readonly round: number;
  readonly schedule: ReadonlyMap<Lane, readonly ScheduledFault[]>;
  readonly durationMs: number;
}

/** What a round leaves behind. */
export interface RoundResult {
  readonly report: RoundReport;
  readonly history: History;
}

function pauseMs(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** Complaints of the nodes that mean a broken promise. */
async function checkAlarms(cluster: FaultCluster): Promise<Violation[]> {
  const alarms = await cluster.api.alarms();
  return alarms
    .filter(({ kind }) => kind === "KIND_DIVERGED" || kind === "KIND_CORRUPT")
    .map(({ kind, message }) => ({ check: "no replica diverges", report: `${kind}: ${message}` }));
}

/** Makes the cluster whole. Returns how long it took to be ready, and what is wrong if it was not. */
async function recover(
  cluster: FaultCluster,
  nemesis: Nemesis,
  changesMembers: boolean,
): Promise<{ readonly recoveryMs: number; readonly violations: Violation[] }> {
  const beganMs = performance.now();
  try {
    await nemesis.heal();
    if (changesMembers) await finishChanges(cluster, recoveryLimitMs);
    await cluster.ready(recoveryLimitMs);
    return { recoveryMs: performance.now() - beganMs, violations: [] };
  } catch (error) {
    const report = error instanceof Error ? error.message : String(error);
    return {
      recoveryMs: performance.now() - beganMs,
      violations: [{ check: "available after healing", report }],
    };
  }
}

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const { cluster, seed, round, schedule, durationMs } = options;
  const history = new History();
  const slots = new ShardSlots(await cluster.api.topology());
  const workload = await Workload.start({ cluster, history, slots, seed, round: `r${round}` });
  const nemesis = new Nemesis(cluster);
  await Promise.all([nemesis.run(schedule), pauseMs(durationMs)]);
  const { recoveryMs, violations } = await recover(
    cluster,
    nemesis,
    (schedule.get("membership") ?? []).length > 0,
  );
  await pauseMs(calmMs);
  const silence = longestSilence(history.operations, { shards: slots.shards, endMs: performance.now() });
  await workload.stop();
  const problems = [...violations];
  let keys = 0;
  // A cluster that did not come back cannot be asked what it holds; what the clients saw is judged all the same.
  if (problems.length === 0) {
    problems.push(...(await readEverything(cluster, history)), ...(await checkAlarms(cluster)));
    const replicas = await checkReplicas(cluster);
    problems.push(...replicas.violations, ...checkLedger(history.ledger, replicas.contents));
    keys = replicas.keys;
  }
  const linearizable = checkLinearizable(history.operations);
  problems.push(...linearizable.violations, ...checkReadLevels(history.operations));
  if (history.contradictions.length > 0) {
    const [first] = history.contradictions;
    const report = `${history.contradictions.length} times; the first: ${first}`;
    problems.push({ check: "a write happens once", report });
  }
  for (const report of cluster.unexplainedEnds.splice(0))
    problems.push({ check: "no process ends by itself", report });
  const report: RoundReport = {
    round,
    seconds: durationMs / 1000,
    operations: countOperations(history),
    faults: nemesis.done,
    longestSilence: silence,
    recoveryMs,
    keys,
    violations: problems,
    undecided: linearizable.undecided,
  };
  return { report, history };
}
