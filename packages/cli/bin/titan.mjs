#!/usr/bin/env node
/**
 * Runs `titan` from the sources of a clone, with the workspace's own Node, whatever Node the machine has. Not part of the
 * published package, which has dist/main.js.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const node = fileURLToPath(new URL("../../../node_modules/.bin/node", import.meta.url));
const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const child = spawn(node, ["--conditions=@titan-kv/source", main, ...process.argv.slice(2)], {
  stdio: "inherit",
});
// The terminal sends Ctrl-C to both; this process waits for what the other one makes of it.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("error", (error) => {
  console.error(`titan: ${error.message}; run \`npm start\` once, which installs what is needed`);
  process.exit(12);
});
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
