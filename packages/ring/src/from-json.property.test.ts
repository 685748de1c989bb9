import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { propertyOptions } from "../test/property-options.ts";
import { assignSlots } from "./slot-assignment.ts";
import { HashRing } from "./hash-ring.ts";
import { RingError } from "./ring-error.ts";
import { SlotTable } from "./slot-table.ts";

const ring = new HashRing([{ id: "a", zone: "east" }, { id: "b", weight: 2 }, "c"], { virtualNodes: 3 });
const table = assignSlots(ring);

/** Paths to every value inside a JSON value, the whole of it first. */
function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, child]) => pathsOf(child, [...path, name]))];
}

/** A copy of a JSON value in which what stands at a path is another value. */
function replaced(value: unknown, path: readonly string[], other: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined || typeof value !== "object" || value === null) return other;
  const child: unknown = Reflect.get(value, name);
  if (Array.isArray(value)) return value.with(Number(name), replaced(child, rest, other));
  return { ...value, [name]: replaced(child, rest, other) };
}

/** Values that `JSON.parse` can return, and above all those that are nearly right. */
const arbitraryJson = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    0,
    -1,
    0.5,
    1e308,
    2 ** 53,
    "",
    "a",
    "\ud800",
    null,
    [],
    {},
    [[0, 16_384]],
    "__proto__",
  ),
);

/** What becomes of a value that is read, and of what is written then when that is read again. */
function outcomeOf(value: unknown, readAndWrite: (value: unknown) => unknown): string {
  try {
    const written = JSON.stringify(readAndWrite(value));
    return JSON.stringify(readAndWrite(JSON.parse(written))) === written
      ? "whole"
      : "changed when read again";
  } catch (error) {
    if (!(error instanceof RingError)) throw error;
    return `${error.code} ${error.field === undefined ? "without" : "with"} a field`;
  }
}

describe.each([
  ["HashRing", ring.toJSON(), (value: unknown) => HashRing.fromJSON(value).toJSON()],
  ["SlotTable", table.toJSON(), (value: unknown) => SlotTable.fromJSON(value).toJSON()],
] as const)("%s.fromJSON", (_, good, readAndWrite) => {
  const paths = pathsOf(JSON.parse(JSON.stringify(good)));

  it("either reads a damaged value into something whole or refuses it as MALFORMED, with a field", () => {
    fc.assert(
      fc.property(fc.constantFrom(...paths), arbitraryJson, (path, other) => {
        const damaged = replaced(JSON.parse(JSON.stringify(good)), path, other);
        expect(outcomeOf(damaged, readAndWrite)).toMatch(/^(whole|MALFORMED with a field)$/u);
      }),
      { ...propertyOptions, numRuns: propertyOptions.numRuns * 5 },
    );
  });

  it("refuses any other value at all", () => {
    fc.assert(
      fc.property(arbitraryJson, (value) => {
        expect(() => readAndWrite(value)).toThrow(RingError);
      }),
      propertyOptions,
    );
  });
});
