// The mutation gate: the simulator must catch every bug of core-mutants.ts.
// Also those that take many seeds, with a table: RAFT_MUTANTS=all pnpm vitest run packages/raft/test/core-mutation.test.ts

import { describe, expect, it } from "vitest";
import { mutants } from "./core-mutants.ts";
import { type MutantResult, tryMutant } from "./core-mutation-run.ts";

const all = process.env["RAFT_MUTANTS"] === "all";
const maxSeeds = all ? 400 : 60;
const tried = mutants.filter((mutant) => all || mutant.rare !== true);
const timeoutMs = all ? 900_000 : 180_000;

/** Each in its own process; two at a time. */
async function tryAll(): Promise<MutantResult[]> {
  const results: MutantResult[] = [];
  const waiting = [...tried];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      results.push(await tryMutant(mutant, maxSeeds));
    }
  };
  await Promise.all([work(), work()]);
  return results;
}

function table(results: readonly MutantResult[]): string {
  const lines = results
    .toSorted((left, right) => (left.seeds ?? Infinity) - (right.seeds ?? Infinity))
    .map(
      ({ name, seeds, checker }) => `${String(seeds ?? "none").padStart(5)}  ${checker.padEnd(44)}  ${name}`,
    );
  return ["seeds  violated                                      bug", ...lines].join("\n");
}

describe("the mutation gate", () => {
  it(`catches each of ${tried.length} bugs within ${maxSeeds} seeds`, { timeout: timeoutMs }, async () => {
    const results = await tryAll();
    process.stdout.write(`${table(results)}\n`);
    expect(results.filter(({ seeds }) => seeds === undefined).map(({ name }) => name)).toEqual([]);
    expect(results).toHaveLength(tried.length);
  });

  it("knows at least twelve bugs", () => {
    expect(mutants.length).toBeGreaterThanOrEqual(12);
  });
});
