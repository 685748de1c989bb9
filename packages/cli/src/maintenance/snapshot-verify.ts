/** `titan snapshot verify`: is a file a whole snapshot? */
import { printRecord } from "../output/printer.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { Interruption } from "../program/interruption.ts";
import { ProgressBar } from "../program/progress-bar.ts";
import { summaryJson, summaryText, verifyFile } from "./snapshot-file.ts";

/** Checks every byte and prints what the file holds. */
export async function printVerified({ args, options, terminal }: CommandCall): Promise<ExitCode> {
  const path = args[0]!;
  using interruption = new Interruption(terminal, "stopping");
  const bar = new ProgressBar(terminal, "checking");
  try {
    const summary = await verifyFile(path, bar, interruption.signal);
    bar.end("the snapshot is whole");
    await printRecord(terminal, options.output ?? "table", {
      text: summaryText(path, summary),
      json: summaryJson(path, summary),
    });
    return ExitCode.Ok;
  } catch (error) {
    bar.end("the snapshot was not checked to its end");
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  }
}
