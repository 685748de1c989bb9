import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { propertyOptions } from "../test/property-options.ts";
import { hashKey } from "./ring-key.ts";

describe("hashKey", () => {
  it("gives a string and its UTF-8 bytes the same hash", () => {
    const text = fc.oneof(fc.string({ maxLength: 64 }), fc.string({ unit: "binary", maxLength: 64 }));
    fc.assert(
      fc.property(text, (key) => {
        expect(hashKey(key)).toBe(hashKey(new TextEncoder().encode(key)));
      }),
      propertyOptions,
    );
  });

  it("gives an unsigned 32-bit integer for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (key) => {
        const hash = hashKey(key);
        expect(hash >>> 0).toBe(hash);
      }),
      propertyOptions,
    );
  });
});
