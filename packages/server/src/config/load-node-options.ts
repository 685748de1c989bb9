import { readFile } from "node:fs/promises";
import type { NodeOptions } from "./node-options.ts";
import { brokenRules } from "./option-rules.ts";
import {
  type Assignment,
  readEnvironment,
  readFileText,
  readFlags,
  readObject,
  type SourceReading,
} from "./option-sources.ts";
import { optionTable } from "./option-table.ts";
import { type OptionProblem, OptionsError } from "./options-error.ts";
import { nodeOptionsSchema } from "./schema.ts";

/** Where options are looked for. A later field goes before an earlier one, and all go before the defaults. */
export interface OptionSources {
  /** Name of a TOML file. */
  readonly file?: string | undefined;
  /** Variables `TITAN_…`; usually `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** The command line's words after the command, such as `["--client-port", "4100"]`. */
  readonly flags?: readonly string[] | undefined;
  /** Variables that begin with `TITAN_` and are not options. */
  readonly otherVariables?: readonly string[] | undefined;
}

/** What a value looks like in an error: never more than a line, never the whole of what may be a secret in the wrong place. */
const maxShownLength = 60;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text;
}

async function readSources(sources: OptionSources): Promise<SourceReading[]> {
  const readings: SourceReading[] = [];
  if (sources.file !== undefined) readings.push(await readFileSource(sources.file));
  readings.push(readEnvironment(sources.env ?? {}, new Set(sources.otherVariables ?? [])));
  readings.push(readFlags(sources.flags ?? []));
  return readings;
}

async function readFileSource(file: string): Promise<SourceReading> {
  try {
    return readFileText(await readFile(file, "utf8"), file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such file" : message;
    return { values: new Map(), problems: [{ source: file, message: `cannot be read: ${reason}` }] };
  }
}

/** Judges each value by itself, with the place it came from in what is said about it. */
function judgeValues(values: ReadonlyMap<string, Assignment>): OptionProblem[] {
  const problems: OptionProblem[] = [];
  for (const option of optionTable()) {
    const assignment = values.get(option.name);
    if (assignment === undefined || option.type.safeParse(assignment.value).success) continue;
    problems.push({
      source: assignment.source,
      option: option.name,
      message: `${shown(assignment.value)} is not allowed for ${option.name}; allowed: ${option.allowed}`,
    });
  }
  return problems;
}

/** The values as the tree that the schema describes; every section exists, so that defaults find their place. */
function asTree(values: ReadonlyMap<string, Assignment>): object {
  const tree: Record<string, unknown> = {};
  for (const { name } of optionTable()) {
    const parts = name.split(".");
    const last = parts.pop()!;
    let section = tree;
    for (const part of parts) {
      section[part] ??= {};
      section = section[part] as Record<string, unknown>;
    }
    const assignment = values.get(name);
    if (assignment !== undefined) section[last] = assignment.value;
  }
  return tree;
}

/** One set of options of what the sources say; a later one goes before an earlier one. */
function combine(readings: readonly SourceReading[]): NodeOptions {
  const values = new Map(readings.flatMap((reading) => [...reading.values]));
  const problems = [...readings.flatMap((reading) => reading.problems), ...judgeValues(values)];
  if (problems.length > 0) throw new OptionsError(problems);
  const options = nodeOptionsSchema.parse(asTree(values));
  const broken = brokenRules(options).map(({ option, message }) => ({
    source: values.get(option)?.source ?? "default",
    option,
    message: `${option} ${message}`,
  }));
  if (broken.length > 0) throw new OptionsError(broken);
  return options;
}

/**
 * The options of a node: flags go before variables, variables before the file, the file before the defaults.
 * @throws OptionsError with every problem found: names that do not exist, values that are not allowed, options that do
 * not go together; each with its source.
 */
export async function loadNodeOptions(sources: OptionSources = {}): Promise<NodeOptions> {
  return combine(await readSources(sources));
}

/** `NodeOptions` of which anything may be left out. */
export type GivenNodeOptions = {
  readonly [Section in keyof NodeOptions]?: NodeOptions[Section] extends object
    ? Given<NodeOptions[Section]>
    : NodeOptions[Section];
};

type Given<T> = {
  readonly [Key in keyof T]?: T[Key] extends readonly unknown[]
    ? T[Key]
    : T[Key] extends object
      ? Given<T[Key]>
      : T[Key];
};

/**
 * The options of a node that a program starts, with defaults for what it leaves out.
 * @throws OptionsError as `loadNodeOptions`.
 */
export function completeNodeOptions(given: GivenNodeOptions): NodeOptions {
  return combine([readObject(given)]);
}
