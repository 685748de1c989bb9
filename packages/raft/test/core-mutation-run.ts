import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Edit, Mutant } from "./core-mutants.ts";

/** What the simulator made of a mutant. */
export interface MutantResult {
  readonly name: string;
  /** How many seeds it took; undefined when none caught it. */
  readonly seeds: number | undefined;
  /** The property that was violated. */
  readonly checker: string;
}

const source = new URL("../src", import.meta.url).pathname;
const run = promisify(execFile);

/** Runs the simulator on a copy of the source with one bug in it. */
export async function tryMutant(mutant: Mutant, maxSeeds: number): Promise<MutantResult> {
  const directory = await mkdtemp(join(tmpdir(), "titan-kv-mutant-"));
  try {
    const copy = join(directory, "src");
    await cp(source, copy, { recursive: true, filter: (path) => !path.endsWith(".test.ts") });
    // The copy is TypeScript modules, whatever surrounds it.
    await writeFile(join(directory, "package.json"), JSON.stringify({ type: "module" }));
    for (const edit of mutant.edits) await mutate(join(copy, edit.file), edit);
    const command = join(copy, "testing/simulation/command.ts");
    const { stdout } = await run(
      process.execPath,
      ["--conditions=@titan-kv/source", command, "--count", String(maxSeeds), "--brief"],
      { maxBuffer: 64 * 1024 * 1024 },
    ).catch((error: unknown) => {
      if (error instanceof Error && "stdout" in error && "code" in error && error.code === 1) {
        return { stdout: String(error.stdout) };
      }
      throw error;
    });
    const caught = /^Seed (?<seed>\d+) violates (?<checker>.+) at/m.exec(stdout)?.groups;
    return {
      name: mutant.name,
      seeds: caught === undefined ? undefined : Number(caught["seed"]),
      checker: caught?.["checker"] ?? "",
    };
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function mutate(path: string, { find, replace }: Edit): Promise<void> {
  const text = await readFile(path, "utf8");
  if (text.split(find).length !== 2)
    throw new Error(`The place of a bug is not in ${path} exactly once: ${find}`);
  await writeFile(
    path,
    text.replace(find, () => replace),
  );
}
