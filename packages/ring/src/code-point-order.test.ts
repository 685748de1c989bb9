import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { propertyOptions } from "../test/property-options.ts";
import { compareCodePoints } from "./code-point-order.ts";

describe("compareCodePoints", () => {
  it("puts a character beyond U+FFFF after one below, where JavaScript does not", () => {
    expect(["\uffff", "\u{10000}"].toSorted()).toEqual(["\u{10000}", "\uffff"]);
    expect(compareCodePoints("\u{10000}", "\uffff")).toBeGreaterThan(0);
  });

  it("puts a prefix first", () => {
    expect(compareCodePoints("node", "node-1")).toBeLessThan(0);
  });

  it("orders as the UTF-8 bytes do", () => {
    const unit = fc.constantFrom("a", "b", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}");
    const text = fc.string({ unit, maxLength: 5 });
    fc.assert(
      fc.property(text, text, (left, right) => {
        expect(Math.sign(compareCodePoints(left, right))).toBe(
          Buffer.compare(Buffer.from(left), Buffer.from(right)),
        );
      }),
      { ...propertyOptions, numRuns: propertyOptions.numRuns * 10 },
    );
  });
});
