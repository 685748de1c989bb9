/** bitcask, raft and ring stand alone; ring and the core of raft are pure. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Boundary, boundaryViolations } from "./boundary-rules.ts";

const root = join(import.meta.dirname, "..");

const standalonePackages = ["packages/bitcask", "packages/raft", "packages/ring"];
const purePaths = ["packages/ring/src", "packages/raft/src/core", "packages/raft/src/index.ts"];
const dependencyFields = ["dependencies", "peerDependencies", "optionalDependencies"];

function sourceFiles(directory: string): string[] {
  return readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => `${directory}/${name}`);
}

function boundaryOf(path: string): Boundary {
  return purePaths.some((pure) => path === pure || path.startsWith(`${pure}/`)) ? "pure" : "standalone";
}

const problems: string[] = [];
for (const path of purePaths) {
  if (!existsSync(join(root, path))) problems.push(`${path} is named as pure and does not exist`);
}
for (const directory of standalonePackages) {
  const manifest = JSON.parse(readFileSync(join(root, directory, "package.json"), "utf8"));
  for (const field of dependencyFields) {
    const names = Object.keys(manifest[field] ?? {});
    if (names.length > 0) problems.push(`${directory}/package.json has ${field}: ${names.join(", ")}`);
  }
  for (const path of sourceFiles(`${directory}/src`)) {
    const violations = boundaryViolations(readFileSync(join(root, path), "utf8"), boundaryOf(path));
    problems.push(...violations.map((violation) => `${path}, ${violation}`));
  }
}
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
