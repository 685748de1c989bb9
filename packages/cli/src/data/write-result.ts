import type { WriteResult } from "@titan-kv/client";
import { printRecord } from "../output/printer.ts";
import { toJsonValue } from "../output/value-text.ts";
import { CliError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";

/** Prints what became of a write. @throws CliError CONDITION_FAILED when its condition did not hold. */
export async function reportWrite(
  { options, terminal }: CommandCall,
  key: string,
  result: WriteResult<Uint8Array>,
): Promise<ExitCode> {
  const { applied, revision, existed, previous, origin } = result;
  const done = `${JSON.stringify(key)} is at revision ${revision} of shard ${origin.shard}`;
  const isMachine = options.output === "json" || options.output === "ndjson";
  if (applied || isMachine) {
    await printRecord(terminal, options.output ?? "table", {
      text: done,
      json: {
        key,
        applied,
        revision,
        existed,
        ...(previous === undefined ? {} : { previous: toJsonValue(previous) }),
        origin,
      },
    });
  }
  if (applied) return ExitCode.Ok;
  const found = revision === 0 ? "the key does not exist" : `the key is at revision ${revision}`;
  throw new CliError("CONDITION_FAILED", `${JSON.stringify(key)} was not written: ${found}`, {
    nextStep: "read it again and decide anew",
  });
}
