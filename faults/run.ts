/**
 * Fault runs on real processes, from the command line:
 *
 *     pnpm faults --seed 7 --minutes 2 --nodes 3 --faults kill,pause,partition
 *
 * The seed decides which faults happen when, and what the clients do next; it does not decide how the operating system runs
 * the processes, so the same seed repeats the schedule and not necessarily what comes of it.
 */
import { parseArgs } from "node:util";
import { faultKinds } from "./nemesis/fault-kinds.ts";
import { runFaults } from "./fault-run.ts";
import { runMutants } from "./mutants/mutant-run.ts";
import type { NetworkChoice } from "./network/fault-network.ts";

const help = `Usage: pnpm faults [options]
  --seed N          what happens when; printed, default chosen at random
  --minutes M       how long, in rounds; default 1
  --round-seconds S length of a round; default 30
  --nodes 3|5       founders; default 3
  --faults LIST     of ${faultKinds.map(({ name }) => name).join(",")}; default: all
  --network KIND    auto, namespaces or proxies; default auto
  --timing KIND     default, or fast for elections within half a second; default fast
  --json            the report as JSON on standard output, everything else on standard error
  --mutants LIST    instead: switch off safeguards, all or those whose names contain a word, and see that runs notice
`;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    minutes: { type: "string", default: "1" },
    "round-seconds": { type: "string", default: "30" },
    nodes: { type: "string", default: "3" },
    faults: { type: "string" },
    network: { type: "string", default: "auto" },
    timing: { type: "string", default: "fast" },
    json: { type: "boolean", default: false },
    mutants: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

function print(line: string): void {
  if (values.json) process.stderr.write(`${line}\n`);
  else process.stdout.write(`${line}\n`);
}

function numberOf(name: "seed" | "minutes" | "round-seconds" | "nodes", fallback = Number.NaN): number {
  const number = values[name] === undefined ? fallback : Number(values[name]);
  if (Number.isFinite(number) && number > 0) return number;
  throw new RangeError(`--${name} takes a positive number, not ${JSON.stringify(values[name])}`);
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const seed = numberOf("seed", Math.floor(Math.random() * 1_000_000) + 1);
  if (values.mutants !== undefined) {
    const results = await runMutants({ names: values.mutants, seed, print });
    if (values.json) process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
    return results.every(({ isGood }) => isGood) ? 0 : 1;
  }
  const totals = await runFaults({
    seed,
    durationMs: numberOf("minutes") * 60_000,
    roundMs: numberOf("round-seconds") * 1000,
    nodes: numberOf("nodes"),
    faults: values.faults?.split(",") ?? faultKinds.map(({ name }) => name),
    network: values.network as NetworkChoice,
    isFast: values.timing === "fast",
    print,
  });
  if (values.json) process.stdout.write(`${JSON.stringify(totals, undefined, 2)}\n`);
  return totals.totals.violations === 0 ? 0 : 1;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main();
