/**
 * Two promises about the API: the committed stubs are what the `.proto` files generate, and nothing that a client may
 * use has been taken away since the last commit on main.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const generatedDirectory = "proto/src/gen";

function run(program: string, programArguments: readonly string[]): { status: number; output: string } {
  const result = spawnSync(program, programArguments, { cwd: root, encoding: "utf8" });
  return { status: result.status ?? 1, output: `${result.stdout ?? ""}${result.stderr ?? ""}` };
}

function filesBelow(directory: string): Map<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(directory.length + 1), readFileSync(path, "utf8")];
    }),
  );
}

function checkDrift(): string[] {
  const scratch = mkdtempSync(join(tmpdir(), "titan-proto-"));
  try {
    const generate = run("buf", ["generate", "--output", scratch]);
    if (generate.status !== 0) return [`buf generate failed:\n${generate.output}`];
    const expected = filesBelow(join(scratch, generatedDirectory));
    const committed = filesBelow(join(root, generatedDirectory));
    const names = new Set([...expected.keys(), ...committed.keys()]);
    return [...names]
      .filter((name) => expected.get(name) !== committed.get(name))
      .map(
        (name) =>
          `${generatedDirectory}/${name} is not what the .proto files generate: run \`pnpm generate\``,
      );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The commit to compare with: the last one that is not the change itself. */
function baseRevision(): string | undefined {
  const changed = run("git", ["status", "--porcelain", "--", "proto"]).output.trim() !== "";
  const candidates = changed ? ["HEAD"] : ["HEAD^"];
  return candidates.find(
    (revision) => run("git", ["cat-file", "-e", `${revision}:proto/titan`]).status === 0,
  );
}

function checkBreaking(): string[] {
  const revision = baseRevision();
  if (revision === undefined) {
    console.log(
      "No earlier commit has the API: nothing to compare with (in a shallow clone, fetch one more commit).",
    );
    return [];
  }
  const commit = run("git", ["rev-parse", revision]).output.trim();
  const breaking = run("buf", ["breaking", "--against", `.git#ref=${commit}`]);
  return breaking.status === 0
    ? []
    : [`The API breaks its users, compared with ${revision}:\n${breaking.output}`];
}

const problems = [...checkDrift(), ...checkBreaking()];
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
