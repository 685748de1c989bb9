// `pnpm --filter @titan-kv/raft sim`: runs seeds, or replays one.

import { parseArgs } from "node:util";
import { describeFailure, shrink } from "./report.ts";
import { simulate, type SimulationResult } from "./simulation.ts";
import { type FaultKind, faultKinds } from "./swarm.ts";

const usage = `Usage: sim [--seed N] [--count N] [--trace] [--brief] [--without kind,kind]

  --seed N      the (first) seed; default 1
  --count N     how many seeds; default 1
  --trace       print everything that happens
  --brief       do not look for the faults that matter when a seed fails
  --without     kinds of faults to leave out: ${faultKinds.join(", ")}
`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "1" },
    brief: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
    without: { type: "string", default: "" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) process.stdout.write(usage);
else process.exitCode = runSeeds(Number(values.seed), Number(values.count)) ? 0 : 1;

/** Returns whether all seeds held. */
function runSeeds(first: number, count: number): boolean {
  const without = new Set(faultKinds.filter((kind) => values.without.split(",").includes(kind)));
  const startedMs = performance.now();
  let operations = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const print = values.trace ? (line: string): unknown => process.stdout.write(`${line}\n`) : undefined;
    const result = simulate(seed, {
      without,
      ...(print === undefined ? {} : { print: (line) => void print(line) }),
    });
    operations += result.operations.applied;
    if (result.violation !== undefined) {
      report(result, without);
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

function report(result: SimulationResult, without: ReadonlySet<FaultKind>): void {
  // A person asked for exactly this, or wants to know what matters.
  const unneeded = values.trace ? without : shrink(result.seed);
  process.stdout.write(
    `${describeFailure(values.trace ? result : simulate(result.seed, { without: unneeded }), unneeded)}\n`,
  );
}

function describeResult({
  seed,
  traceHash,
  events,
  operations,
  elections,
  configurations,
}: SimulationResult): string {
  const { applied, unknown } = operations;
  return (
    `seed ${seed}: trace ${traceHash}, ${events} events, ${elections} elections, ${configurations} configurations, ` +
    `${applied} operations, ${unknown} unknown`
  );
}
