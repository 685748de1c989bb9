/**
 * `pnpm fuzz [--target name]... [--seed n] [--inputs n]`: feeds changed inputs to decoders, and exits with 1 when one failed.
 *
 *     --target name    only this one; may be repeated          --inputs n    for each target; default 10,000
 *     --seed n         default: a random one, printed          --jobs n      targets at a time; default 1
 *     --replay index   one input of one target and seed        --file path   one saved input of one target
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { replayFile, replayInput, saveInput } from "./src/replay.ts";
import { runTarget, type TargetResult } from "./src/run-target.ts";
import { targets } from "./targets/index.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string", multiple: true },
    seed: { type: "string" },
    inputs: { type: "string", default: "10000" },
    jobs: { type: "string", default: "1" },
    replay: { type: "string" },
    file: { type: "string" },
  },
});
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const names = values.target ?? targets.map(({ name }) => name);

function number(count: number): string {
  return count.toLocaleString("en-US");
}

function lineOf(result: TargetResult): string {
  const { target, inputs, accepted, refused, maxAllocatedBytes, failures, elapsedMs } = result;
  const outcome = failures.length === 0 ? "ok" : `${failures.length} FAILED`;
  return [
    target.padEnd(20),
    number(inputs).padStart(10),
    number(accepted).padStart(10),
    number(refused).padStart(10),
    `${number(Math.ceil(maxAllocatedBytes / 1024))} KiB`.padStart(13),
    `${(elapsedMs / 1000).toFixed(1)} s`.padStart(9),
    outcome,
  ].join("  ");
}

async function report(result: TargetResult): Promise<void> {
  console.log(lineOf(result));
  for (const { index, message } of result.failures) {
    // oxlint-disable-next-line no-await-in-loop -- few
    const path = await saveInput({ target: result.target, seed, index });
    console.log(`\n${result.target}, input ${index}: ${message}`);
    console.log(
      `saved in ${path}; again: pnpm fuzz --target ${result.target} --seed ${seed} --replay ${index}\n`,
    );
  }
}

async function runAll(): Promise<boolean> {
  console.log(`seed ${seed}`);
  console.log(
    [
      "target".padEnd(20),
      "inputs".padStart(10),
      "accepted".padStart(10),
      "refused".padStart(10),
      "most asked".padStart(13),
      "time".padStart(9),
    ].join("  "),
  );
  const waiting = [...names];
  let failed = false;
  const job = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      // oxlint-disable-next-line no-await-in-loop -- a job is one target after the other
      const result = await runTarget({ target, seed, inputs: Number(values.inputs) });
      failed ||= result.failures.length > 0;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await report(result);
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, job));
  return failed;
}

async function replayOne(): Promise<boolean> {
  const [target] = names;
  if (target === undefined || names.length > 1) throw new Error("name one target to replay an input of it");
  const verdict =
    values.file === undefined
      ? await replayInput({ target, seed, index: Number(values.replay) })
      : await replayFile(target, values.file);
  console.log(verdict.type === "failed" ? verdict.message : verdict.type);
  return verdict.type === "failed";
}

const isReplay = values.replay !== undefined || values.file !== undefined;
process.exitCode = (isReplay ? await replayOne() : await runAll()) ? 1 : 0;
