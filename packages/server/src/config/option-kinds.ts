/** The kinds of options there are. Each is a zod type that also knows how to be read from text and how to be explained. */
import { z } from "zod";

/** What is known about an option besides its name. */
export interface OptionMeta {
  readonly kind: "integer" | "number" | "boolean" | "text" | "choice" | "list";
  /** Which values are allowed, to be put after "allowed:". */
  readonly allowed: string;
  /** What it does, one sentence, no full stop. */
  readonly description: string;
}

function withMeta<T extends z.ZodType>(type: T, meta: OptionMeta): T {
  // A copy of the type, so that the description belongs to this option alone.
  return type.meta({ ...meta });
}

/** A whole number. */
export function integer(settings: {
  readonly min: number;
  readonly max: number;
  readonly default: number;
  readonly meaning: string;
}): z.ZodDefault<z.ZodNumber> {
  const { min, max, meaning } = settings;
  return withMeta(z.number().int().min(min).max(max).default(settings.default), {
    kind: "integer",
    allowed: `a whole number from ${min} to ${max}`,
    description: meaning,
  });
}

/** A whole number that may be left out. */
export function optionalInteger(settings: {
  readonly min: number;
  readonly max: number;
  readonly meaning: string;
}): z.ZodOptional<z.ZodNumber> {
  const { min, max, meaning } = settings;
  return withMeta(z.number().int().min(min).max(max).optional(), {
    kind: "integer",
    allowed: `a whole number from ${min} to ${max}`,
    description: meaning,
  });
}

/** A number above zero. */
export function positiveNumber(settings: {
  readonly max: number;
  readonly default: number;
  readonly meaning: string;
}): z.ZodDefault<z.ZodNumber> {
  return withMeta(z.number().positive().max(settings.max).default(settings.default), {
    kind: "number",
    allowed: `a number above 0, at most ${settings.max}`,
    description: settings.meaning,
  });
}

/** A part of a whole. */
export function share(settings: {
  readonly default: number;
  readonly meaning: string;
}): z.ZodDefault<z.ZodNumber> {
  return withMeta(z.number().min(0).max(1).default(settings.default), {
    kind: "number",
    allowed: "a number from 0 to 1",
    description: settings.meaning,
  });
}

/** True or false. */
export function flag(settings: {
  readonly default: boolean;
  readonly meaning: string;
}): z.ZodDefault<z.ZodBoolean> {
  return withMeta(z.boolean().default(settings.default), {
    kind: "boolean",
    allowed: "true or false",
    description: settings.meaning,
  });
}

/** One of some words. */
export function choice<const T extends readonly [string, ...string[]]>(
  words: T,
  settings: { readonly default: NoInfer<T[number]>; readonly meaning: string },
): z.ZodType<T[number]> {
  const type = z.enum([...words]) as z.ZodType<T[number]>;
  return withMeta(type.default(settings.default) as z.ZodType<T[number]>, {
    kind: "choice",
    allowed: `one of ${words.join(", ")}`,
    description: settings.meaning,
  });
}

const anyText = /^[^\0]+$/;

/** What a text must look like. */
export interface TextForm {
  readonly pattern: RegExp;
  readonly allowed: string;
}

/** Any text that is not empty. */
export const plainText: TextForm = { pattern: anyText, allowed: "text that is not empty" };
/** `host:port`, also `[::1]:4100`. */
export const addressText: TextForm = {
  pattern: /^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]@/?]+):[1-9]\d{0,4}$/,
  allowed: "host:port, such as db1.example.org:4100",
};

/** A text with a default. */
export function text(settings: {
  readonly form?: TextForm;
  readonly default: string;
  readonly meaning: string;
}): z.ZodDefault<z.ZodString> {
  const { form = plainText, meaning } = settings;
  return withMeta(z.string().regex(form.pattern).default(settings.default), {
    kind: "text",
    allowed: form.allowed,
    description: meaning,
  });
}

/** A text that may be left out. */
export function optionalText(settings: {
  readonly form?: TextForm;
  readonly meaning: string;
}): z.ZodOptional<z.ZodString> {
  const { form = plainText, meaning } = settings;
  return withMeta(z.string().regex(form.pattern).optional(), {
    kind: "text",
    allowed: form.allowed,
    description: meaning,
  });
}

/** Several texts; in a flag or variable separated by commas. */
export function list(settings: {
  readonly form: TextForm;
  readonly meaning: string;
}): z.ZodDefault<z.ZodArray<z.ZodString>> {
  return withMeta(z.array(z.string().regex(settings.form.pattern)).default([]), {
    kind: "list",
    allowed: `a list of ${settings.form.allowed}`,
    description: settings.meaning,
  });
}
