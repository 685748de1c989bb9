/** The runs notice when a safeguard is missing. All of them, with a table: `FAULT_MUTANTS=all`, or `pnpm faults --mutants all`. */
import { expect, test } from "vitest";
import { describeMutants, tryMutant } from "../mutants/mutant-run.ts";
import { MutantTree } from "../mutants/mutant-tree.ts";
import { mutants } from "../mutants/server-mutants.ts";

const all = process.env["FAULT_MUTANTS"] === "all";
/** Those of the short run: one about reads and one about writes. */
const short = [
  "linearizable reads are served without asking a majority",
  "repeated writes are applied again",
];
const timeoutMs = 300_000;

test.each(mutants.filter(({ name }) => all || short.includes(name)))(
  "$name",
  { timeout: timeoutMs },
  async (mutant) => {
    const result = await tryMutant(mutant, { seed: 1, print: () => undefined });
    process.stdout.write(`${describeMutants([result]).join("\n")}\n`);
    expect(result.isGood).toBe(true);
  },
);

test.each(mutants)("the place of the bug is still there: $name", async ({ edits }) => {
  await using tree = await MutantTree.make(edits);
  expect(tree.directory).not.toBe("");
});
