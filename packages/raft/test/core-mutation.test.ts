// The mutation gate: the simulator must catch every bug of core-mutants.ts.
// Also those that take many seeds, with a table: RAFT_MUTANTS=all pnpm vitest run packages/raft/test/core-mutation.test.ts

import { describe, expect, it } from "vitest";
import { mutants } from "./core-mutants.ts";
import { mutantTable, tryMutants } from "./core-mutation-run.ts";

const all = process.env["RAFT_MUTANTS"] === "all";
const maxSeeds = all ? 400 : 60;
const tried = mutants.filter((mutant) => all || mutant.rare !== true);
const timeoutMs = all ? 900_000 : 180_000;

describe("the mutation gate", () => {
  it(`catches each of ${tried.length} bugs within ${maxSeeds} seeds`, { timeout: timeoutMs }, async () => {
    const results = await tryMutants(tried, maxSeeds);
    process.stdout.write(`${mutantTable(results)}\n`);
    expect(results.filter(({ seeds }) => seeds === undefined).map(({ name }) => name)).toEqual([]);
    expect(results).toHaveLength(tried.length);
  });

  it("knows at least twelve bugs", () => {
    expect(mutants.length).toBeGreaterThanOrEqual(12);
  });
});
