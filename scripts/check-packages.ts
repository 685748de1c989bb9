/**
 * What a user does first: packs every published package as the registry would receive it, looks for what a user would trip
 * over, installs the packages in an empty project and imports every entry point, on each supported Node. Needs a build.
 *
 *     node scripts/check-packages.ts              Node 22 and 24
 *     node scripts/check-packages.ts 22 24 26     the majors named
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const packageDirectories = [
  "packages/bitcask",
  "packages/raft",
  "packages/ring",
  "proto",
  "packages/server",
  "packages/client",
  "packages/cli",
];
/** Exact versions, so that a run today and a run next year test the same thing. */
const nodeVersions: Readonly<Record<string, string>> = { 22: "22.23.3", 24: "24.21.0", 26: "26.10.0" };
const defaultMajors = ["22", "24"];

function run(program: string, programArguments: readonly string[], cwd: string): string {
  const result = spawnSync(program, programArguments, { cwd, encoding: "utf8" });
  if (result.status === 0) return result.stdout;
  const command = [program, ...programArguments].join(" ");
  throw new Error(`\`${command}\` failed in ${cwd}\n${result.stdout}${result.stderr}`);
}

function packAll(destination: string): void {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const directory of packageDirectories) {
    run("npx", ["--yes", packageManager, "pack", "--pack-destination", destination], join(root, directory));
  }
}

/** Manifest, files and types of a package, as a user's tools see them. */
function inspect(tarball: string): void {
  run("publint", [tarball, "--strict"], root);
  run("attw", [tarball, "--profile", "esm-only"], root);
}

/** Everything that can be imported from the packages, except their manifests. */
function entryPoints(): string[] {
  return packageDirectories.flatMap((directory) => {
    const manifest = JSON.parse(readFileSync(join(root, directory, "package.json"), "utf8"));
    return Object.keys(manifest.exports)
      .filter((path) => path !== "./package.json" && manifest.exports[path].browser === undefined)
      .map((path) => `${manifest.name}${path.slice(1)}`);
  });
}

function checkOn(major: string, tarballs: readonly string[], scratch: string): void {
  const version = nodeVersions[major];
  if (version === undefined)
    throw new Error(`Node ${major} is not one of ${Object.keys(nodeVersions).join(", ")}`);
  const project = join(scratch, `node-${major}`);
  mkdirSync(project);
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ name: "empty", private: true, type: "module" }),
  );
  const flags = ["--no-audit", "--no-fund", "--loglevel=error"];
  run("npm", ["install", ...flags, `node@${version}`, ...tarballs], project);
  const specifiers = JSON.stringify(entryPoints());
  writeFileSync(
    join(project, "import-all.mjs"),
    `for (const name of ${specifiers}) {\n  const exported = Object.keys(await import(name));\n` +
      `  if (exported.length === 0) throw new Error(name + " exports nothing");\n}\nconsole.log(process.version);\n`,
  );
  const node = join(project, "node_modules", ".bin", "node");
  const reported = run(node, ["import-all.mjs"], project).trim();
  if (reported !== `v${version}`) throw new Error(`expected Node v${version}, ran on ${reported}`);
  console.log(`${tarballs.length} packages install and import on Node ${version}`);
}

const scratch = mkdtempSync(join(tmpdir(), "titan-install-"));
try {
  packAll(scratch);
  const tarballs = readdirSync(scratch).map((name) => join(scratch, name));
  for (const tarball of tarballs) inspect(tarball);
  const majors = process.argv.slice(2);
  for (const major of majors.length > 0 ? majors : defaultMajors) checkOn(major, tarballs, scratch);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
