/** Checks for values that come from outside as JSON. Every failure is a `MALFORMED` error that names the field. */

import { RingError } from "./ring-error.ts";

/** The error for one field. */
export function malformed(field: string, problem: string): RingError {
  return new RingError("MALFORMED", `${field} ${problem}.`, { field });
}

/**
 * The value as an object that has all the required fields and no field beyond them and the optional ones. An unknown
 * field is refused because it may be one that changes where keys belong.
 */
export function objectWith(
  value: unknown,
  field: string,
  allowed: { readonly required: readonly string[]; readonly optional?: readonly string[] },
): Record<string, unknown> {
  if (!isRecord(value)) throw malformed(field, "must be an object");
  for (const name of allowed.required) {
    if (!Object.hasOwn(value, name)) throw malformed(`${field}.${name}`, "is missing");
  }
  for (const name of Object.keys(value)) {
    if (allowed.required.includes(name) || allowed.optional?.includes(name) === true) continue;
    throw malformed(`${field}.${name}`, "is not a field of this version");
  }
  return value;
}

/** The value as an array. */
export function arrayAt(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(field, "must be an array");
  return value as readonly unknown[];
}

/** The value as an integer in a range, both ends included. */
export function integerAt(
  value: unknown,
  field: string,
  range: { readonly min: number; readonly max: number },
): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= range.min && value <= range.max)
    return value;
  throw malformed(field, `must be an integer from ${range.min} to ${range.max}`);
}

/** Checks that a field has the one value that this version of the package reads. */
export function checkConstant(value: unknown, field: string, expected: string | number): void {
  if (value === expected) return;
  throw malformed(field, `must be ${JSON.stringify(expected)}, which is all that this release reads`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
