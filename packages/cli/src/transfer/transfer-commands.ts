import { type Command, Option } from "commander";
import { addReadFlags } from "../data/read-flags.ts";
import { parseDuration } from "../data/durations.ts";
import type { CommandHost } from "../program/command-host.ts";
import { listOf, wholeNumber } from "../program/global-options.ts";

/** Much at once, in and out. */
export function registerTransferCommands(program: Command, host: CommandHost): void {
  const importCommand = program
    .command("import [source]")
    .description(
      "write the records of a file (NDJSON, CSV), a directory of files, or standard input; can be resumed",
    )
    .addOption(
      new Option("--format <format>", "what the source is (default: by its ending)").choices([
        "ndjson",
        "csv",
        "directory",
      ]),
    )
    .option("--prefix <text>", "put this before every key")
    .option("--key-field <name>", "NDJSON: the key is this field, the value is the whole line")
    .option("--key-column <name>", "CSV: column of the key (default: key)")
    .option(
      "--value-column <name>",
      "CSV: column of the value (default: value; without one, the row as JSON)",
    )
    .option("--delimiter <character>", "CSV: what separates cells (default: a comma; a tab for .tsv)")
    .addOption(
      new Option(
        "--include <pattern>",
        "directory: only files that match, such as '*.json' or 'docs/**'",
      ).argParser(listOf),
    )
    .option("--check", "read everything, report what would be rejected, write nothing")
    .option("--rejects <file>", "where rejects are listed (default: SOURCE.rejects.ndjson)")
    .option("--restart", "begin anew, even if an earlier import was interrupted")
    .option(
      "--concurrency <chunks>",
      "chunks of 500 records under way at once (default: 16)",
      wholeNumber(1, 256),
    )
    .option("--patience <time>", "how long the cluster may be in trouble (default: 60s)", parseDuration);
  host.connect<object>(importCommand, async () => (await import("./import.ts")).importRecords);
  const exportCommand = program
    .command("export [target]")
    .description("copy keys and values to a file, to a directory, or to standard output; prints a checksum")
    .addOption(
      new Option("--format <format>", "what to write (default: ndjson)").choices(["ndjson", "directory"]),
    )
    .option("--prefix <text>", "only keys that begin with this")
    .option("--start <key>", "first key, included")
    .option("--end <key>", "last key, excluded");
  host.connect<object>(addReadFlags(exportCommand), async () => (await import("./export.ts")).exportRecords);
}
