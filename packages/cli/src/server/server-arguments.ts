import type { OptionsError } from "@titan-kv/server";
import { CliError, usageError } from "../program/cli-error.ts";

/** Variables that begin with TITAN_ and belong to the command line, not to a node. */
export const commandLineVariables = [
  "TITAN_CONFIG",
  "TITAN_CONTEXT",
  "TITAN_CONTEXTS_FILE",
  "TITAN_DEBUG",
  "TITAN_DEV_DIR",
  "TITAN_ENDPOINT",
] as const;

/** What `titan server` was asked to do. */
export interface ServerArguments {
  /** A TOML file. */
  readonly file: string | undefined;
  /** Only look whether the options are right. */
  readonly check: boolean;
  readonly help: boolean;
  /** The node's own options. */
  readonly flags: readonly string[];
}

/** Takes the program's own flags out; `--join` is short for the option `cluster.join`. */
export function parseServerArguments(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ServerArguments {
  const flags: string[] = [];
  let file = env["TITAN_CONFIG"];
  let check = false;
  let help = false;
  for (let position = 0; position < words.length; position += 1) {
    const word = words[position]!;
    if (word === "--check") check = true;
    else if (word === "--help" || word === "-h") help = true;
    else if (word === "--debug") continue;
    else if (word === "--join") flags.push("--cluster-join");
    else if (word.startsWith("--join=")) flags.push(`--cluster-join=${word.slice("--join=".length)}`);
    else if (word.startsWith("--config=")) file = word.slice("--config=".length);
    else if (word === "--config" || word === "-c") {
      position += 1;
      file = words[position];
      if (file === undefined) throw usageError("--config needs the name of a file");
    } else flags.push(word);
  }
  return { file, check, help, flags };
}

/** All problems of a configuration as one error; one per line, since each has to be corrected. */
export function configurationError(error: OptionsError): CliError {
  const lines = error.problems.map(({ source, message }) => `${source}: ${message}`);
  const [only = "", ...more] = lines;
  const message =
    more.length === 0 ? only : `${lines.length} problems:\n${lines.map((line) => `  ${line}`).join("\n")}`;
  return new CliError("USAGE", message, {
    nextStep: "`titan server --help` lists every option; `--check` looks without starting",
    cause: error,
  });
}
