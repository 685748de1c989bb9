/**
 * A three-node Titan-KV beside a three-node etcd and a redis, on this machine, one after the other:
 *
 *     node --conditions=@titan-kv/source bench/cluster/run.ts [--quick] [--help]
 *
 * Prints as it goes; the report goes to docs/benchmarks. What it starts, it ends, also on Ctrl-C.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chartOf } from "./chart.ts";
import { ChildProcesses } from "./child-processes.ts";
import { compilePackages } from "./compile.ts";
import { keyBytes } from "./key-space.ts";
import { describeMachine, machineLine } from "./machine.ts";
import { measureClients } from "./measure-clients.ts";
import { findVersions, measureSystems, skippedSystems } from "./measure-systems.ts";
import { readOptions, type RunOptions, usage } from "./options.ts";
import { reportOf } from "./report.ts";
import { Collected, type Results } from "./results.ts";

function progress(line: string): void {
  console.log(line);
}

async function measure(processes: ChildProcesses, options: RunOptions): Promise<Results> {
  const versions = await findVersions();
  const skipped = skippedSystems(options, versions);
  const machine = describeMachine(processes.directory, versions);
  progress(machineLine(machine));
  for (const { system, reason } of skipped) progress(`${system} is LEFT OUT: ${reason}`);
  const systems = new Collected();
  const clients = new Collected();
  if (options.measuresClients) await measureClients(processes, options, clients, progress);
  await measureSystems(processes, options, systems, skipped, progress);
  const { rounds, warmupMs, measureMs, keys, quick } = options;
  return {
    measuredAt: new Date().toISOString(),
    quick,
    machine,
    settings: { rounds, warmupMs, measureMs, keys, keyBytes },
    skipped,
    rows: systems.rows(),
    clients: clients.rows(),
  };
}

/** More digits than the clock can tell would only make the file long. */
function withSixDigits(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}

async function writeReport(results: Results, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "cluster.json"), `${JSON.stringify(results, withSixDigits, 2)}\n`);
  await writeFile(join(directory, "cluster.svg"), chartOf(results));
  await writeFile(join(directory, "README.md"), reportOf(results));
  console.log(`\nwritten to ${directory}`);
}

const options = readOptions(process.argv.slice(2));
if (options === undefined) console.log(usage);
else {
  compilePackages();
  const startMs = performance.now();
  const results = await ChildProcesses.using(options.directory, (processes) => measure(processes, options));
  const report = reportOf(results);
  console.log(`\n${report.slice(report.indexOf("## Goals"))}`);
  console.log(`took ${Math.round((performance.now() - startMs) / 1000)} s`);
  if (options.reportDirectory !== undefined) await writeReport(results, options.reportDirectory);
}
