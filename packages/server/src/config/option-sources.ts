/** Where options come from: a file, the environment, the command line. Each gives values under the options' names. */
import { parse, TomlError } from "smol-toml";
import { type Option, optionTable, variablePrefix } from "./option-table.ts";
import type { OptionProblem } from "./options-error.ts";
import { suggestion } from "./suggestion.ts";

/** A value, and where it was found. */
export interface Assignment {
  readonly value: unknown;
  readonly source: string;
}

/** What a source says. */
export interface SourceReading {
  /** By option name. */
  readonly values: Map<string, Assignment>;
  readonly problems: OptionProblem[];
}

const byName = new Map(optionTable().map((option) => [option.name, option]));
const byFlag = new Map(optionTable().map((option) => [option.flag, option]));
const byVariable = new Map(optionTable().map((option) => [option.variable, option]));
const sectionNames = new Set(
  optionTable().flatMap(({ name }) => {
    const parts = name.split(".");
    return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("."));
  }),
);

function unknown(source: string, what: string, wrong: string, known: Iterable<string>): OptionProblem {
  const meant = suggestion(wrong, known);
  return {
    source,
    message: `${what} does not exist${meant === undefined ? "" : `; did you mean ${meant}?`}`,
  };
}

/** Text from a flag or variable as what the option wants; what cannot be one is left as it is, and refused later. */
function fromText(option: Option, text: string): unknown {
  switch (option.kind) {
    case "integer":
    case "number":
      // Number("") is 0, and that is not what an empty variable means.
      return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text.trim()) ? Number(text) : text;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "list":
      return text.trim() === "" ? [] : text.split(",").map((element) => element.trim());
    case "text":
    case "choice":
      return text;
  }
}

/** Reads a TOML file's text. */
export function readFileText(text: string, fileName: string): SourceReading {
  const reading: SourceReading = { values: new Map(), problems: [] };
  let tables: Record<string, unknown>;
  try {
    tables = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const where = `${fileName}, line ${error.line}, column ${error.column}`;
    // The library's message repeats the lines around the fault below the first line.
    reading.problems.push({ source: where, message: error.message.split("\n")[0] ?? "not TOML" });
    return reading;
  }
  readTable(tables, "", fileName, reading);
  return reading;
}

/** Reads options that a program gives, shaped as `NodeOptions` with anything left out. */
export function readObject(given: Readonly<Record<string, unknown>>): SourceReading {
  const reading: SourceReading = { values: new Map(), problems: [] };
  readTable(given, "", "options", reading);
  return reading;
}

function readTable(
  table: Readonly<Record<string, unknown>>,
  prefix: string,
  fileName: string,
  reading: SourceReading,
): void {
  for (const [key, value] of Object.entries(table)) {
    const name = prefix === "" ? key : `${prefix}.${key}`;
    const isTable =
      typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
    if (value === undefined) continue;
    if (byName.has(name)) reading.values.set(name, { value, source: `${fileName}, ${name}` });
    else if (sectionNames.has(name) && isTable)
      readTable(value as Record<string, unknown>, name, fileName, reading);
    else if (sectionNames.has(name)) {
      reading.problems.push({
        source: fileName,
        message: `${name} is a section: write [${name}] and its options below`,
      });
    } else
      reading.problems.push(
        unknown(fileName, `the option ${name}`, name, [...byName.keys(), ...sectionNames]),
      );
  }
}

/**
 * Kubernetes puts the address of every service into the environment of every container, and a service called `titan…`
 * makes names that look like ours.
 */
const serviceLink =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;
const serviceAddress = /^(?:tcp|udp|sctp):\/\//;

/** Reads the environment. Names in `others`, such as those of the command line's own variables, are left alone. */
export function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  others: ReadonlySet<string>,
): SourceReading {
  const reading: SourceReading = { values: new Map(), problems: [] };
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(variablePrefix) || text === undefined || others.has(variable)) continue;
    const source = `environment variable ${variable}`;
    const option = byVariable.get(variable);
    if (option === undefined) {
      if (!serviceLink.test(variable)) {
        reading.problems.push(unknown(source, "an option of this name", variable, byVariable.keys()));
      }
    } else if (!serviceAddress.test(text)) {
      reading.values.set(option.name, { value: fromText(option, text), source });
    }
  }
  return reading;
}

/** Reads the command line: `--name value`, `--name=value`, and for true or false `--name` and `--no-name`. */
export function readFlags(flags: readonly string[]): SourceReading {
  const reading: SourceReading = { values: new Map(), problems: [] };
  for (let position = 0; position < flags.length; position += 1) {
    const argument = flags[position]!;
    const source = `flag ${argument.split("=", 1)[0]}`;
    if (!argument.startsWith("--")) {
      reading.problems.push({
        source: `argument ${JSON.stringify(argument)}`,
        message: "expected a flag, such as --client-port 4100",
      });
      continue;
    }
    const { option, negated, inline } = lookUpFlag(argument.slice(2));
    const next = flags[position + 1];
    if (option === undefined) {
      reading.problems.push(
        unknown(source, "a flag of this name", argument.slice(2).split("=", 1)[0]!, byFlag.keys()),
      );
      // Its value is not an argument of its own.
      if (inline === undefined && next !== undefined && !next.startsWith("--")) position += 1;
    } else if (negated) reading.values.set(option.name, { value: false, source });
    else if (inline !== undefined) addFlag(reading, option, inline, source);
    else if (option.kind === "boolean" && next !== "true" && next !== "false")
      addFlag(reading, option, "true", source);
    else if (next === undefined || next.startsWith("--")) {
      reading.problems.push({ source, option: option.name, message: `needs a value: ${option.allowed}` });
    } else {
      addFlag(reading, option, next, source);
      position += 1;
    }
  }
  return reading;
}

interface FoundFlag {
  readonly option: Option | undefined;
  readonly negated: boolean;
  readonly inline: string | undefined;
}

function lookUpFlag(text: string): FoundFlag {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const inline = equals < 0 ? undefined : text.slice(equals + 1);
  const positive = name.startsWith("no-") ? byFlag.get(name.slice(3)) : undefined;
  if (positive?.kind === "boolean" && inline === undefined)
    return { option: positive, negated: true, inline };
  return { option: byFlag.get(name), negated: false, inline };
}

/** A list that is given several times is one list; anything else that is given twice is a mistake. */
function addFlag(reading: SourceReading, option: Option, text: string, source: string): void {
  const value = fromText(option, text);
  const before = reading.values.get(option.name)?.value;
  if (Array.isArray(before) && Array.isArray(value)) {
    reading.values.set(option.name, { value: [...before, ...value], source });
  } else if (before !== undefined) {
    reading.problems.push({ source, option: option.name, message: "is given twice" });
  } else reading.values.set(option.name, { value, source });
}
