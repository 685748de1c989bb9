import { z } from "zod";
import type { OptionMeta } from "./option-kinds.ts";
import { nodeOptionsSchema } from "./schema.ts";

/** One option, under each of its names. */
export interface Option extends OptionMeta {
  /** In the file, and in errors: `limits.maxKeyBytes`. */
  readonly name: string;
  /** As a variable: `TITAN_LIMITS_MAX_KEY_BYTES`. */
  readonly variable: string;
  /** On the command line: `limits-max-key-bytes`. */
  readonly flag: string;
  /** `undefined` when there is none. */
  readonly default: unknown;
  /** Judges a value. */
  readonly type: z.ZodType;
}

/** How variables of the environment begin. */
export const variablePrefix = "TITAN_";

function kebab(name: string): string {
  return name.replaceAll(".", "-").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function describe(name: string, type: z.ZodType): Option {
  const flag = kebab(name);
  return {
    ...(type.meta() as unknown as OptionMeta),
    name,
    flag,
    variable: variablePrefix + flag.replaceAll("-", "_").toUpperCase(),
    default: type.safeParse(undefined).data,
    type,
  };
}

function* optionsIn(section: z.ZodObject, prefix: string): Iterable<Option> {
  for (const [key, type] of Object.entries(section.shape)) {
    const name = prefix === "" ? key : `${prefix}.${key}`;
    if (type instanceof z.ZodObject) yield* optionsIn(type, name);
    else yield describe(name, type as z.ZodType);
  }
}

const options: readonly Option[] = [...optionsIn(nodeOptionsSchema, "")];

/** Every option, in the order of the schema. */
export function optionTable(): readonly Option[] {
  return options;
}

function defaultText(option: Option): string {
  if (option.default === undefined) return "none";
  return typeof option.default === "string" ? option.default : JSON.stringify(option.default);
}

/** The options as a table in Markdown, for the documentation. */
export function optionsAsMarkdown(): string {
  const rows = options.map(
    (option) => `| \`${option.name}\` | ${option.allowed} | ${defaultText(option)} | ${option.description} |`,
  );
  return ["| option | allowed | default | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** The options as flags, one paragraph each, for `--help`. */
export function optionsAsHelp(): string {
  return options
    .map((option) => {
      const value = option.kind === "boolean" ? "" : ` <${option.kind}>`;
      return `  --${option.flag}${value}\n      ${option.description} (${option.allowed}; default: ${defaultText(option)})`;
    })
    .join("\n");
}
