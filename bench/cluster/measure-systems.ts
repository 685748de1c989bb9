/** Runs systems one after the other, each alone on the machine, round by round. */
import type { ChildProcesses } from "./child-processes.ts";
import { type Contender, type SystemName, systemNames } from "./contenders.ts";
import { DriverHost } from "./driver-host.ts";
import type { RunOptions } from "./options.ts";
import type { Collected, Skipped } from "./results.ts";
import { etcdVersion, startEtcd } from "./systems/etcd-cluster.ts";
import { redisVersion, startRedis } from "./systems/redis-server.ts";
import type { RunningSystem } from "./systems/system.ts";
import { startTitan } from "./systems/titan-cluster.ts";
import type { Cell, Sample } from "./measurement.ts";
import { summarize } from "./summary.ts";

/** What is told while a run goes on. */
export type Progress = (line: string) => void;

const starters: Readonly<Record<SystemName, (processes: ChildProcesses) => Promise<RunningSystem>>> = {
  titan: startTitan,
  etcd: startEtcd,
  redis: startRedis,
};

/** Versions of the rivals, where they are installed. */
export interface Versions {
  readonly etcd: string | undefined;
  readonly redis: string | undefined;
}

export async function findVersions(): Promise<Versions> {
  const [etcd, redis] = await Promise.all([etcdVersion(), redisVersion()]);
  return { etcd, redis };
}

/** Rivals that were asked for and are not installed. */
export function skippedSystems(options: RunOptions, versions: Versions): Skipped[] {
  const wanted = new Set(options.contenders.map(({ system }) => system));
  return (["etcd", "redis"] as const)
    .filter((system) => wanted.has(system) && versions[system] === undefined)
    .map((system) => ({
      system,
      reason: `${system === "etcd" ? "etcd" : "redis-server"} is not installed (apt-get install ${system}-server)`,
    }));
}

/** Measures every contender that is there, in every cell, in every round. */
export async function measureSystems(
  processes: ChildProcesses,
  options: RunOptions,
  collected: Collected,
  skipped: readonly Skipped[],
  progress: Progress,
): Promise<void> {
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const name of systemNames) {
      const present = options.contenders.filter(({ system }) => system === name);
      if (present.length === 0 || skipped.some(({ system }) => system === name)) continue;
      progress(`round ${round} of ${options.rounds}: ${name}`);
      const system = await starters[name](processes);
      for (const contender of present) {
        await measureContender({ processes, options, contender, system, round, collected, progress });
      }
      await system.stop();
    }
  }
}

/** What servers and client do before anything counts, so that caches, connections and compilers settle. */
export async function settle(host: DriverHost, { warmupMs }: RunOptions, valueBytes: number): Promise<void> {
  // Nothing of it is kept, so it is all warm-up; four times that of a cell.
  await host.measure(
    { workload: "mixed", callers: 64, valueBytes },
    { warmupMs: warmupMs * 4, measureMs: 1 },
  );
}

interface ContenderRun {
  readonly processes: ChildProcesses;
  readonly options: RunOptions;
  readonly contender: Contender;
  readonly system: RunningSystem;
  readonly round: number;
  readonly collected: Collected;
  readonly progress: Progress;
}

async function measureContender(run: ContenderRun): Promise<void> {
  const { processes, options, contender, system, round, collected, progress } = run;
  const host = await DriverHost.start(processes, {
    driver: contender.driver,
    endpoints: system.endpoints,
    serverPids: system.pids,
    dataDirectory: processes.directory,
    keys: options.keys,
    seed: round,
  });
  let filledWith: number | undefined;
  for (const cell of options.cells) {
    if (filledWith !== cell.valueBytes) await host.fill(cell.valueBytes);
    if (filledWith === undefined) await settle(host, options, cell.valueBytes);
    filledWith = cell.valueBytes;
    const sample = await host.measure(cell, options);
    collected.add(contender.driver, cell, sample);
    progress(`  ${contender.label}: ${sampleLine(cell, sample)}`);
  }
  await host.end();
}

/** One sample for those who watch. */
export function sampleLine(cell: Cell, sample: Sample): string {
  const { opsPerSecond, p50Ms, p99Ms, serverCpuSecondsPerOp, driverCpuSecondsPerOp } = summarize([sample]);
  const errors = sample.errors === 0 ? "" : `, ${sample.errors} ERRORS: ${sample.errorMessages.join(" | ")}`;
  return (
    `${cell.workload} ${cell.valueBytes} B, ${cell.callers} callers: ${Math.round(opsPerSecond)}/s, ` +
    `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ` +
    `CPU µs/op servers ${(serverCpuSecondsPerOp * 1e6).toFixed(1)} client ${(driverCpuSecondsPerOp * 1e6).toFixed(1)}${errors}`
  );
}
