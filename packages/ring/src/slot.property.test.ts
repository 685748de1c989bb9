import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { propertyOptions } from "../test/property-options.ts";
import { hashKey } from "./ring-key.ts";
import { SLOT_COUNT, slotOf } from "./slot.ts";

/** The rule, written over bytes and for clarity alone. */
function referenceSlot(key: Uint8Array): number {
  const opening = key.indexOf("{".charCodeAt(0));
  const rest = opening === -1 ? new Uint8Array() : key.subarray(opening + 1);
  const length = rest.indexOf("}".charCodeAt(0));
  const hashed = length > 0 ? rest.subarray(0, length) : key;
  return Math.floor(hashKey(hashed) / (2 ** 32 / SLOT_COUNT));
}

describe("slotOf", () => {
  it("agrees with the rule over bytes for texts full of braces", () => {
    const unit = fc.constantFrom("{", "}", "a", "b", "é", "🔑");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (key) => {
        const bytes = new TextEncoder().encode(key);
        expect(slotOf(key)).toBe(referenceSlot(bytes));
        expect(slotOf(bytes)).toBe(referenceSlot(bytes));
      }),
      { ...propertyOptions, numRuns: propertyOptions.numRuns * 10 },
    );
  });

  it("keeps keys of one tag together, whatever surrounds it", () => {
    const plain = fc.string({ maxLength: 10 }).map((text) => text.replaceAll(/[{}]/gu, ""));
    const tag = fc.string({ minLength: 1, maxLength: 10 }).filter((text) => !text.includes("}"));
    fc.assert(
      fc.property(tag, plain, plain, fc.string(), (name, before, otherBefore, after) => {
        expect(slotOf(`${before}{${name}}${after}`)).toBe(slotOf(`${otherBefore}{${name}}`));
      }),
      propertyOptions,
    );
  });
});
