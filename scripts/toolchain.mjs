/**
 * Brings the workspace to the point where its own Node and its own tools can run, starting from nothing but some
 * Node >= 20 and npm. Plain JavaScript, because the Node that runs it may not know TypeScript.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** The environment in which the workspace's own tools, first of all its Node, come before the machine's. */
export const toolEnvironment = {
  ...process.env,
  PATH: [join(root, "node_modules", ".bin"), join(root, "scripts", "bin"), process.env.PATH].join(delimiter),
};

const minimumNodeMajor = 20;

/** Installs what the lockfile names, unless that has been done since the lockfile last changed. */
export function ensureInstalled() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < minimumNodeMajor) {
    fail(
      `Node ${process.versions.node} is too old: install Node ${minimumNodeMajor} or newer and try again.`,
    );
  }
  if (isInstalled()) return;
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  console.log(`Installing the workspace's tools and libraries with ${packageManager} ...`);
  // Not corepack: it is gone from Node 25 and fails behind some mirrors.
  const installCommand = ["--yes", packageManager, "install", "--frozen-lockfile", "--reporter=append-only"];
  const install = spawnSync("npx", installCommand, {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (install.status !== 0) fail("The installation failed; the lines above say why.");
}

function isInstalled() {
  const marker = join(root, "node_modules", ".modules.yaml");
  const lockfile = join(root, "pnpm-lock.yaml");
  return existsSync(marker) && statSync(marker).mtimeMs >= statSync(lockfile).mtimeMs;
}

/** Runs a program of the workspace and ends this process with its exit code. */
export function runAndExit(program, programArguments) {
  const run = spawnSync(program, programArguments, { cwd: root, stdio: "inherit", env: toolEnvironment });
  if (run.error) fail(`${program} could not be started: ${run.error.message}`);
  process.exit(run.status ?? 1);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
