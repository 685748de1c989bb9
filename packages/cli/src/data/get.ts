/** `titan get`: the value itself, byte for byte; with -o json what is known about it. */
import { printExplanation, curlCommand } from "../connection/explain.ts";
import { resolveTarget } from "../connection/target.ts";
import { withClient } from "../connection/with-client.ts";
import { toJson } from "../output/printer.ts";
import { previewOf } from "../output/value-text.ts";
import { renderTable, printable } from "../output/table.ts";
import { CliError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { writeOut } from "../program/terminal.ts";
import { entryJson } from "./origin-json.ts";
import type { ReadFlags } from "./read-flags.ts";
import { apiReadLevel, readLevelOf } from "./read-level.ts";

/** Prints the value of a key. @throws CliError NOT_FOUND. */
export async function get(call: CommandCall<ReadFlags>): Promise<ExitCode> {
  const { args, options, terminal } = call;
  const [key = ""] = args;
  const consistency = readLevelOf(options);
  if (options.explain === true) {
    const target = await resolveTarget(options, terminal.env);
    const body = { key, ...apiReadLevel(options) };
    await printExplanation(terminal, curlCommand(target, { method: "titan.kv.v1.KvService/Get", body }));
    return ExitCode.Ok;
  }
  const entry = await withClient(call, (client) => client.getEntry(key, { consistency }));
  if (entry === undefined) throw new CliError("NOT_FOUND", `there is no key ${JSON.stringify(key)}`);
  switch (options.output ?? "raw") {
    case "raw":
      await writeOut(terminal, entry.value);
      // A person's prompt belongs on a line of its own; a pipe gets the bytes and nothing else.
      if (terminal.stdout.isTTY === true) await writeOut(terminal, "\n");
      break;
    case "json":
      await writeOut(terminal, `${toJson(entryJson(entry), 2)}\n`);
      break;
    case "ndjson":
      await writeOut(terminal, `${toJson(entryJson(entry))}\n`);
      break;
    case "table":
      await writeOut(
        terminal,
        renderTable(
          [{ title: "key" }, { title: "revision", align: "right" }, { title: "value" }],
          [[printable(key), String(entry.revision), printable(previewOf(entry.value))]],
        ),
      );
  }
  return ExitCode.Ok;
}
