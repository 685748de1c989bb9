// The command line as a function: words in, exit code out.
export { runCli } from "./program/run-cli.ts";
export { type Terminal, processTerminal } from "./program/terminal.ts";
export { ExitCode, exitCodeMeanings } from "./program/exit-code.ts";
