// The mutation gate of the host and the log: the simulator of whole nodes must catch every bug of host-mutants.ts.
// Also those that take many seeds, with a table: RAFT_MUTANTS=all pnpm vitest run packages/raft/test/host-mutation.test.ts

import { describe, expect, it } from "vitest";
import { tryMutants, mutantTable } from "./core-mutation-run.ts";
import { hostMutants } from "./host-mutants.ts";

const all = process.env["RAFT_MUTANTS"] === "all";
const maxSeeds = all ? 250 : 12;
const tried = hostMutants.filter((mutant) => all || mutant.rare !== true);

describe("the mutation gate of whole nodes", () => {
  it(
    `catches each of ${tried.length} bugs within ${maxSeeds} seeds`,
    { timeout: all ? 1_800_000 : 180_000 },
    async () => {
      const results = await tryMutants(tried, maxSeeds, ["--hosts"]);
      process.stdout.write(`${mutantTable(results)}\n`);
      expect(results.filter(({ seeds }) => seeds === undefined).map(({ name }) => name)).toEqual([]);
      expect(results).toHaveLength(tried.length);
    },
  );
});
