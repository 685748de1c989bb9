#!/usr/bin/env node
/** The binary `titan`. */
import { enableCompileCache } from "node:module";

// Compiled code is kept between runs: most runs are short, and a development cluster starts this program several times.
enableCompileCache();
const { runCli } = await import("./program/run-cli.ts");
const { processTerminal } = await import("./program/terminal.ts");

// Whoever reads the output may have seen enough, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});
process.exitCode = await runCli(process.argv.slice(2), processTerminal);
