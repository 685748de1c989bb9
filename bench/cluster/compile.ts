import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** The nodes and our client run as published: compiled. Nothing is done when they are up to date. */
export function compilePackages(): void {
  const { status } = spawnSync("tsc", ["-b", "packages/cli", "packages/client"], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"]}` },
  });
  if (status !== 0) throw new Error("compiling failed");
}
