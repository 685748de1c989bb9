import { type Command, InvalidArgumentError, Option } from "commander";
import { type OutputFormat, outputFormats } from "../output/printer.ts";

/** What every command takes. */
export interface GlobalOptions {
  /** `host:port` or `http(s)://host:port` of nodes to begin with. */
  readonly endpoint?: readonly string[];
  readonly context?: string;
  readonly output?: OutputFormat;
  /** Milliseconds a call may take. */
  readonly timeout?: number;
  readonly explain?: boolean;
  readonly debug?: boolean;
}

/** Longest time a call may be given, in milliseconds. */
const maxTimeoutMs = 2_147_483_647;

/** For options that are whole numbers. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** For options that may be given several times, or once with commas. */
export function listOf(text: string, before: readonly string[] | undefined): string[] {
  const words = text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  if (words.length === 0) throw new InvalidArgumentError("It must not be empty.");
  return [...(before ?? []), ...words];
}

/** Adds them to the program. */
export function addGlobalOptions(program: Command): void {
  program
    .addOption(
      new Option(
        "-e, --endpoint <host:port>",
        "a node of the cluster; several with commas (also TITAN_ENDPOINT; default: the context's, or this machine's development cluster)",
      ).argParser(listOf),
    )
    .addOption(new Option("--context <name>", "a cluster of `titan context` (also TITAN_CONTEXT)"))
    .addOption(new Option("-o, --output <format>", "form of the output").choices(outputFormats))
    .addOption(
      new Option("--timeout <ms>", "how long a call may take, retries included (default: 5000)").argParser(
        wholeNumber(1, maxTimeoutMs),
      ),
    )
    .addOption(new Option("--explain", "print the equivalent curl command instead of doing it"))
    .addOption(new Option("--debug", "print everything that is known about an error (also TITAN_DEBUG=1)"));
}
