/** Removes what the compiler and the task runner keep, for when they replay something stale. */
import { globSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
for (const path of globSync(["packages/*/dist", "proto/dist", ".turbo", "**/.turbo"], { cwd: root })) {
  if (!path.includes("node_modules")) rmSync(join(root, path), { recursive: true, force: true });
}
