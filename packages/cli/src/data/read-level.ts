import { boundedStaleness, type ReadConsistency } from "@titan-kv/client";
import { usageError } from "../program/cli-error.ts";
import type { ReadFlags } from "./read-flags.ts";

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
