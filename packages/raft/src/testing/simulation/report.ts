import type { SimulationResult } from "./simulation.ts";
import { allFaultKinds, type FaultKind } from "./swarm.ts";

/** How many lines of the trace a report ends with. */
const shownLines = 25;

/** Runs a seed without some kinds of faults. */
export type SeedRunner = (
  seed: number,
  without: ReadonlySet<FaultKind>,
) => SimulationResult | Promise<SimulationResult>;

/** Leaves out one kind of fault after the other, as long as the seed still fails. Returns the kinds that do not matter. */
export async function shrink(seed: number, run: SeedRunner): Promise<Set<FaultKind>> {
  const without = new Set<FaultKind>();
  for (const kind of allFaultKinds) {
    without.add(kind);
    const result = await run(seed, without);
    if (result.violation === undefined) without.delete(kind);
  }
  return without;
}

/** What a person needs to know of a failing seed, with the command that replays it. */
export function describeFailure(
  result: SimulationResult,
  {
    without = new Set(),
    hosts = false,
  }: { readonly without?: ReadonlySet<FaultKind>; readonly hosts?: boolean } = {},
): string {
  const { seed, swarm, violation } = result;
  const left = [...without];
  const flags = `${hosts ? " --hosts" : ""}${left.length === 0 ? "" : ` --without ${left.join(",")}`}`;
  return [
    `Seed ${seed} violates ${violation?.checker ?? "nothing"} at ${violation?.atMs.toFixed(1) ?? "?"} ms:`,
    violation?.what ?? "",
    `${swarm.voters} voters, ${swarm.spares} spares, faults: ${[...swarm.faults].join(" ") || "none"};` +
      ` pre-vote ${swarm.preVote}, check quorum ${swarm.checkQuorum}, lease ${swarm.lease}.`,
    `The last that happened:`,
    ...result.lastLines.slice(-shownLines).map((line) => `  ${line}`),
    `Replay: pnpm --filter @titan-kv/raft sim${flags} --seed ${seed} --trace`,
  ].join("\n");
}
