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

/** Tries them all, each in its own process, two at a time. */
export async function tryMutants(
  mutants: readonly Mutant[],
  maxSeeds: number,
  flags: readonly string[] = [],
): Promise<MutantResult[]> {
  const results: MutantResult[] = [];
  const waiting = [...mutants];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      results.push(await tryMutant(mutant, maxSeeds, flags));
    }
  };
  await Promise.all([work(), work()]);
  return results;
}

/** The results for a person to read, the easiest bugs first. */
export function mutantTable(results: readonly MutantResult[]): string {
  const lines = results
    .toSorted((left, right) => (left.seeds ?? Infinity) - (right.seeds ?? Infinity))
    .map(
      ({ name, seeds, checker }) => `${String(seeds ?? "none").padStart(5)}  ${checker.padEnd(44)}  ${name}`,
    );
  return ["seeds  violated                                      bug", ...lines].join("\n");
}

/** Runs the simulator on a copy of the source with one bug in it. */
async function tryMutant(
  mutant: Mutant,
  maxSeeds: number,
  flags: readonly string[] = [],
): Promise<MutantResult> {
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
      ["--conditions=@titan-kv/source", command, "--count", String(maxSeeds), "--brief", ...flags],
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
