import { describe, expect, it } from "vitest";
import { checkCrash, countCalls } from "./support/crash-run.ts";

/**
 * The machine loses power at every single call that changes the disk, and the disk keeps of the unsynced writes: nothing,
 * everything, some, some sectors, zeros, garbage, or everything but the file names. More seeds:
 * `pnpm --filter @titan-kv/bitcask crash --seeds 100`; one run again: `... crash --seed 7`.
 */
const seeds = [1, 2, 3];
const steps = 40;

describe.each(seeds)("seed %i", (seed) => {
  it("keeps every promise whichever call is the last before the power fails", async () => {
    const calls = await countCalls(seed, steps);
    expect(calls).toBeGreaterThan(100);
    for (let crashAt = 0; crashAt < calls; crashAt++) {
      // oxlint-disable-next-line eslint/no-await-in-loop -- the first failure is the clearest
      expect(await checkCrash({ seed, steps, crashAt })).toEqual([]);
    }
  });
});
