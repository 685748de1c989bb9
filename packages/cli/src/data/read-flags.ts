import { type Command, Option } from "commander";
import { wholeNumber } from "../program/global-options.ts";

/** How fresh a read must be, as flags say it. */
export interface ReadFlags {
  readonly level?: "linearizable" | "lease" | "local" | "bounded";
  readonly maxStaleness?: number;
}

const maxStalenessMs = 3_600_000;

/** Adds the flags to a command that reads. */
export function addReadFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--level <level>", "how fresh the answer must be (default: linearizable)").choices([
        "linearizable",
        "lease",
        "local",
        "bounded",
      ]),
    )
    .option("--max-staleness <ms>", "for --level bounded", wholeNumber(1, maxStalenessMs));
}
