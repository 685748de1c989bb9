import { Argument, type Command } from "commander";
import { parseDuration } from "../data/durations.ts";
import type { CommandHost } from "../program/command-host.ts";
import { wholeNumber } from "../program/global-options.ts";
import { workloadNames } from "./workload.ts";

/** `titan bench [workload]`. */
export function registerBench(program: Command, host: CommandHost): void {
  const command = program
    .command("bench")
    .description("measure the cluster with a workload; its keys are removed afterwards")
    .addArgument(new Argument("[workload]", "what to do (default: mixed)").choices(workloadNames))
    .option("--callers <count>", "operations under way at once (default: 64)", wholeNumber(1, 65_536))
    .option("--duration <time>", "how long (default: 10s)", parseDuration)
    .option(
      "--keys <count>",
      "keys that are there before it begins (default: 10000)",
      wholeNumber(1, 100_000_000),
    )
    .option("--value-bytes <count>", "bytes of a value (default: 256)", wholeNumber(0, 1_048_576))
    .option("--seed <number>", "for the same operations again (default: 1)", wholeNumber(0, 4_294_967_295))
    .option("--keep", "do not remove the keys");
  host.connect<object>(command, async () => (await import("./bench.ts")).bench);
}
