// `pnpm --filter @titan-kv/raft sim`: runs seeds, or replays one.

import { parseArgs } from "node:util";
import { describeFailure, shrink } from "./report.ts";
import { simulateHosts } from "./host-simulation.ts";
import { simulate, type SimulationOptions, type SimulationResult } from "./simulation.ts";
import { allFaultKinds, type FaultKind } from "./swarm.ts";

const usage = `Usage: sim [--hosts] [--seed N] [--count N] [--trace] [--brief] [--without kind,kind]

  --hosts       whole nodes (host, several groups, log in files) instead of replicas of one group
  --seed N      the (first) seed; default 1
  --count N     how many seeds; default 1
  --trace       print everything that happens
  --brief       do not look for the faults that matter when a seed fails
  --without     kinds of faults to leave out: ${allFaultKinds.join(", ")}
`;

const { values } = parseArgs({
  options: {
    hosts: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "1" },
    brief: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
    without: { type: "string", default: "" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) process.stdout.write(usage);
else process.exitCode = (await runSeeds(Number(values.seed), Number(values.count))) ? 0 : 1;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Returns whether all seeds held. */
async function runSeeds(first: number, count: number): Promise<boolean> {
  const without = new Set(allFaultKinds.filter((kind) => values.without.split(",").includes(kind)));
  const startedMs = performance.now();
  let operations = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const result = await runSeed(seed, without);
    operations += result.operations.applied;
    if (result.violation !== undefined) {
      await report(result, without);
      return false;
    }
    if (count === 1) process.stdout.write(`${describeResult(result)}\n`);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  process.stdout.write(
    `${count} seeds from ${first}: no violation, ${operations} operations, ${seconds.toFixed(1)} s\n`,
  );
  return true;
}

async function runSeed(seed: number, without: ReadonlySet<FaultKind>): Promise<SimulationResult> {
  const options: SimulationOptions = values.trace ? { without, print } : { without };
  return values.hosts ? await simulateHosts(seed, options) : simulate(seed, options);
}

async function report(result: SimulationResult, without: ReadonlySet<FaultKind>): Promise<void> {
  const options = { hosts: values.hosts };
  if (values.trace || values.brief) {
    process.stdout.write(`${describeFailure(result, { ...options, without })}\n`);
    return;
  }
  // Which faults matter tells more than the seed.
  const unneeded = await shrink(result.seed, (seed, rest) => runSeed(seed, rest));
  const smaller = await runSeed(result.seed, unneeded);
  process.stdout.write(`${describeFailure(smaller, { ...options, without: unneeded })}\n`);
}

function describeResult(result: SimulationResult): string {
  const { seed, traceHash, events, operations, elections, configurations } = result;
  const { applied, unknown } = operations;
  return (
    `seed ${seed}: trace ${traceHash}, ${events} events, ${elections} elections, ${configurations} configurations, ` +
    `${applied} operations, ${unknown} unknown`
  );
}
