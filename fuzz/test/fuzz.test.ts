/** A few thousand inputs for every decoder; `pnpm fuzz` feeds as many as one wants. And the tests of the tests. */
import { describe, expect, test } from "vitest";
import { findTarget, targets } from "../targets/index.ts";
import { type Failure, runTarget } from "../src/run-target.ts";
import type { FuzzInput, FuzzTarget } from "../src/fuzz-target.ts";
import { inputAt } from "../src/judge.ts";

/** Always the same, so that a failure here is a change of the code and not of luck. */
const seed = 20_260_101;
/** Inputs for each target, fewer where one takes a directory on a disk or a whole store. */
const inputs = 1000;
const slowInputs = 100;
const slow: ReadonlySet<string> = new Set([
  "bitcask-store",
  "replica-store",
  "checkpoint-stream",
  "import-directory",
  "configuration",
]);

function shown(failures: readonly Failure[], target: string): string[] {
  return failures.map(
    ({ index, message }) => `pnpm fuzz --target ${target} --seed ${seed} --replay ${index}: ${message}`,
  );
}

describe("every decoder refuses what it cannot read, with an error of its own and without asking for memory", () => {
  test.each(targets.map(({ name }) => name))("%s", async (target) => {
    const count = slow.has(target) ? slowInputs : inputs;
    const result = await runTarget({ target, seed, inputs: count });
    expect(shown(result.failures, target)).toEqual([]);
    expect(result.accepted + result.refused).toBe(count);
  });
});

describe("a fault that is planted is found", () => {
  test.each([
    ["planted-untyped-error", /RangeError/],
    ["planted-allocation", /bytes were asked for/],
    ["planted-hang", /hangs/],
    ["planted-wrong-value", /Finding/],
  ])("%s", async (target, message) => {
    const result = await runTarget({ target, seed, inputs: 500, hangMs: 2000, maxFailures: 1 });
    expect(result.failures[0]?.message).toMatch(message);
  });
});

test("an input is made again from its seed and number", async () => {
  const target = findTarget("raft-frame");
  const seeds = await target.seeds();
  const one = inputAt(target, seeds, { seed, index: 77 }).input;
  const again = inputAt(target, seeds, { seed, index: 77 }).input;
  const other = inputAt(target, seeds, { seed: seed + 1, index: 77 }).input;
  expect(again).toEqual(one);
  expect(other).not.toEqual(one);
});

/** Whether a target takes an input as it is. @throws what is not a refusal. */
async function takes(target: FuzzTarget, input: FuzzInput): Promise<boolean> {
  try {
    await target.run(input, () => 0.5);
    return true;
  } catch (error) {
    if (!target.isRefusal(error)) throw error;
    return false;
  }
}

test("every target takes at least one of its seeds as it is", async () => {
  const refused: string[] = [];
  for (const target of targets) {
    const seeds = await target.seeds();
    let taken = 0;
    // One after the other, as in a run: a target may use one directory again and again.
    for (const input of seeds) taken += Number(await takes(target, input));
    if (taken === 0) refused.push(target.name);
  }
  expect(refused).toEqual([]);
});
