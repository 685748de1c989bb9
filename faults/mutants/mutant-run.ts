/** Runs faults on nodes that lack a safeguard, until a check notices. */
import { runFaults } from "../fault-run.ts";
import { MutantTree } from "./mutant-tree.ts";
import { type Mutant, mutants } from "./server-mutants.ts";

/** How long one round is, and how many are tried, each with another seed and a new cluster. */
const roundMs = 8000;
const maxSeeds = 6;

/** What became of one mutant. */
export interface MutantResult {
  readonly name: string;
  /** The checks that noticed; `undefined` when none did. */
  readonly caught: string | undefined;
  /** Whether that is as it should be. */
  readonly isGood: boolean;
  /** How many seeds it took. */
  readonly seeds: number;
  /** Seconds of rounds, the last one whole. */
  readonly seconds: number;
}

/** What is to be tried. */
export interface MutantRunOptions {
  /** `all`, or words that occur in the names, separated by commas. */
  readonly names: string;
  readonly seed: number;
  readonly print: (line: string) => void;
}

function chosen(names: string): readonly Mutant[] {
  if (names === "all") return mutants;
  const words = names.split(",");
  return mutants.filter(({ name }) => words.some((word) => name.includes(word)));
}

/** Tries one mutant with one seed after the other; a harmless one with one seed only. */
export async function tryMutant(
  mutant: Mutant,
  options: Omit<MutantRunOptions, "names">,
): Promise<MutantResult> {
  const { print } = options;
  const { name, isHarmless = false } = mutant;
  const seeds = isHarmless ? 1 : maxSeeds;
  await using tree = await MutantTree.make(mutant.edits);
  for (let tried = 1; tried <= seeds; tried += 1) {
    const { rounds } = await runFaults({
      seed: options.seed + tried - 1,
      durationMs: roundMs,
      roundMs,
      nodes: 3,
      faults: mutant.faults,
      network: "auto",
      isFast: true,
      source: tree.directory,
      print,
    });
    const checks = new Set(rounds.flatMap(({ violations }) => violations.map(({ check }) => check)));
    const seconds = (tried * roundMs) / 1000;
    if (checks.size > 0)
      return { name, caught: [...checks].join("; "), isGood: !isHarmless, seeds: tried, seconds };
  }
  return { name, caught: undefined, isGood: isHarmless, seeds, seconds: (seeds * roundMs) / 1000 };
}

/** The results as a table. */
export function describeMutants(results: readonly MutantResult[]): string[] {
  return results.flatMap(({ name, caught, isGood, seeds, seconds }) => {
    const what = caught === undefined ? "nothing was noticed" : `noticed by: ${caught}`;
    return [name, `  ${isGood ? "" : "  WRONG: "}${what} (${seeds} seeds, ${seconds} s)`];
  });
}

/** Tries all that are asked for, one after the other, and prints a table. */
export async function runMutants(options: MutantRunOptions): Promise<MutantResult[]> {
  const results: MutantResult[] = [];
  for (const mutant of chosen(options.names)) results.push(await tryMutant(mutant, options));
  for (const line of describeMutants(results)) options.print(line);
  return results;
}
