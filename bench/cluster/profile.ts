/**
 * Where a node of a cluster, or the client, spends its time under load:
 *
 *     node --conditions=@titan-kv/source bench/cluster/profile.ts --workload put --callers 64
 *
 * Starts three compiled nodes, one of them (or the driver) with V8's sampling profiler, runs one load, and prints the functions
 * with the most self time, the share of each package, and processor time by thread. `--keep` saves the profile for Chrome's
 * developer tools.
 */
import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ChildProcesses } from "./child-processes.ts";
import { compilePackages } from "./compile.ts";
import { type CpuProfile, type FunctionTime, functionTimes, ownerTimes, type Period } from "./cpu-profile.ts";
import { DriverHost } from "./driver-host.ts";
import { markdownTable } from "./figures.ts";
import { sampleLine } from "./measure-systems.ts";
import type { Cell, Sample, Workload } from "./measurement.ts";
import { startTitan } from "./systems/titan-cluster.ts";
import { threadTimes, threadTimesSince } from "./thread-times.ts";
import { tmpdir } from "node:os";

const usage = `  --node <1|2|3|client>  whose profile (default 1)
  --workload <name>      put, get or mixed (default put)
  --callers <n>          default 64
  --value <bytes>        default 256
  --keys <n>             default 10000
  --seconds <n>          measured time (default 5), after 3 s of warm-up
  --top <n>              functions shown (default 30)
  --keep <file>          where to save the .cpuprofile
  --directory <path>     where the nodes keep their data
`;

const warmupMs = 3000;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", short: "h", default: false },
    node: { type: "string", default: "1" },
    workload: { type: "string", default: "put" },
    callers: { type: "string", default: "64" },
    value: { type: "string", default: "256" },
    keys: { type: "string", default: "10000" },
    seconds: { type: "string", default: "5" },
    top: { type: "string", default: "30" },
    keep: { type: "string" },
    directory: { type: "string", default: tmpdir() },
  },
});

function workloadFrom(text: string): Workload {
  if (text === "put" || text === "get" || text === "mixed") return text;
  throw new TypeError(`--workload: there is no ${text}`);
}

interface Outcome {
  readonly sample: Sample;
  readonly period: Period;
  readonly threads: readonly (readonly [name: string, seconds: number])[];
  readonly profile: CpuProfile;
}

async function profiled(processes: ChildProcesses, cell: Cell): Promise<Outcome> {
  const profiles = join(processes.directory, "profiles");
  const profiler = ["--cpu-prof", `--cpu-prof-dir=${profiles}`];
  const system = await startTitan(processes, {
    nodeArguments: (node) => (String(node) === values.node ? profiler : []),
  });
  const driver = await DriverHost.start(
    processes,
    {
      driver: "titan",
      endpoints: system.endpoints,
      serverPids: system.pids,
      dataDirectory: processes.directory,
      keys: Number(values.keys),
      seed: 1,
    },
    values.node === "client" ? profiler : [],
  );
  const pid = values.node === "client" ? driver.pid : system.pids[Number(values.node) - 1];
  if (pid === undefined) throw new TypeError(`--node: there is no ${values.node}`);
  await driver.fill(cell.valueBytes);
  const measureMs = 1000 * Number(values.seconds);
  const startMicros = Number(process.hrtime.bigint() / 1000n);
  const measuring = driver.measure(cell, { warmupMs, measureMs });
  await sleep(warmupMs);
  const before = threadTimes(pid);
  await sleep(measureMs);
  const after = threadTimes(pid);
  const sample = await measuring;
  await driver.end();
  await system.stop();
  const [file = ""] = await readdir(profiles);
  const path = join(profiles, file);
  if (values.keep !== undefined) await cp(path, values.keep);
  return {
    sample,
    period: {
      fromMicros: startMicros + warmupMs * 1000,
      toMicros: startMicros + (warmupMs + measureMs) * 1000,
    },
    threads: threadTimesSince(before, after),
    profile: JSON.parse(await readFile(path, "utf8")) as CpuProfile,
  };
}

function print({ sample, period, threads, profile }: Outcome, cell: Cell): void {
  const functions = functionTimes(profile, period);
  const wholeMicros = period.toMicros - period.fromMicros;
  const share = (micros: number): string => `${((100 * micros) / wholeMicros).toFixed(1)} %`;
  const perOp = (micros: number): string => (micros / Math.max(1, sample.operations)).toFixed(2);
  const top: FunctionTime[] = functions.slice(0, Number(values.top));
  console.log(`${sampleLine(cell, sample)}\nprofile of ${values.node}, share of wall time:\n`);
  console.log(
    markdownTable(
      ["function", "where", "self", "self µs/op", "total"],
      top.map(({ name, place, owner, selfMicros, totalMicros }) => [
        name,
        place === "" ? owner : place,
        share(selfMicros),
        perOp(selfMicros),
        share(totalMicros),
      ]),
      2,
    ),
  );
  console.log(
    `\n${markdownTable(
      ["package", "self", "self µs/op"],
      ownerTimes(functions).map(([owner, micros]) => [owner, share(micros), perOp(micros)]),
    )}`,
  );
  console.log(
    `\n${markdownTable(
      ["threads of the process", "processor time", "µs/op"],
      threads.map(([name, seconds]) => [name, share(seconds * 1e6), perOp(seconds * 1e6)]),
    )}`,
  );
}

if (values.help) console.log(usage);
else {
  const cell: Cell = {
    workload: workloadFrom(values.workload),
    callers: Number(values.callers),
    valueBytes: Number(values.value),
  };
  compilePackages();
  print(await ChildProcesses.using(values.directory, (processes) => profiled(processes, cell)), cell);
}
