import { boundedStaleness, type ReadConsistency } from "@titan-kv/client";
import { type Command, Option } from "commander";
import { usageError } from "../program/cli-error.ts";
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

/** The level; `undefined` for the default. @throws CliError USAGE for flags that do not go together. */
export function readLevelOf({ level, maxStaleness }: ReadFlags): ReadConsistency | undefined {
  if (level === "bounded") {
    if (maxStaleness === undefined) throw usageError("--level bounded needs --max-staleness");
    return boundedStaleness(maxStaleness);
  }
  if (maxStaleness !== undefined) throw usageError("--max-staleness is for --level bounded");
  return level;
}

/** The same in the JSON of the API; empty for the default. */
export function apiReadLevel({ level, maxStaleness }: ReadFlags): object {
  if (level === undefined) return {};
  return {
    read: {
      level: `READ_LEVEL_${level.toUpperCase()}`,
      ...(maxStaleness === undefined ? {} : { maxStalenessMs: maxStaleness }),
    },
  };
}
