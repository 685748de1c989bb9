/**
 * Replays or widens the crash test: `pnpm --filter @titan-kv/bitcask crash --seed 7` crashes the workload of seed 7 at every
 * call; `--at 12` only at that one; `--seeds 100` takes seeds 1 to 100; `--steps 80` makes the workload longer.
 */
import { parseArgs } from "node:util";
import { checkCrash, countCalls } from "./support/crash-run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "1" },
    steps: { type: "string", default: "40" },
    at: { type: "string" },
  },
});

const steps = Number(values.steps);
const chosen =
  values.seed === undefined
    ? Array.from({ length: Number(values.seeds) }, (_, index) => index + 1)
    : [Number(values.seed)];
let problems = 0;
for (const seed of chosen) {
  // oxlint-disable-next-line eslint/no-await-in-loop -- one run after the other
  const calls = await countCalls(seed, steps);
  const places =
    values.at === undefined ? Array.from({ length: calls }, (_, index) => index) : [Number(values.at)];
  let found: string[] = [];
  for (const crashAt of places) {
    // oxlint-disable-next-line eslint/no-await-in-loop
    found = await checkCrash({ seed, steps, crashAt });
    if (found.length > 0) break;
  }
  problems += found.length;
  console.log(
    `seed ${seed}: ${places.length} crashes, ${found.length === 0 ? "every promise kept" : found.join("\n")}`,
  );
}
process.exitCode = problems === 0 ? 0 : 1;
