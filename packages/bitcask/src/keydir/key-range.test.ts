import { describe, expect, it } from "vitest";

import { boundsOf, compareBytes } from "./key-range.ts";
import type { KeyRange } from "./keydir.ts";

const KEYS = ["", "a", "a\u0000", "ab", "b", "\u00ff", "\u00ffa", "\u00ff\u00ff"].map((key) =>
  Buffer.from(key, "latin1"),
);
const BOUNDS = [undefined, KEYS[1], KEYS[2], KEYS[4], KEYS[5]];

/** The range as its documentation reads. */
function isInRange(key: Buffer, range: KeyRange): boolean {
  const { gt, gte, lt, lte, prefix } = range;
  return (
    (gt === undefined || Buffer.compare(key, gt) > 0) &&
    (gte === undefined || Buffer.compare(key, gte) >= 0) &&
    (lt === undefined || Buffer.compare(key, lt) < 0) &&
    (lte === undefined || Buffer.compare(key, lte) <= 0) &&
    (prefix === undefined || key.subarray(0, prefix.length).equals(prefix))
  );
}

function isWithinBounds(key: Buffer, range: KeyRange): boolean {
  const { lower, lowerExclusive, upper, upperExclusive } = boundsOf(range);
  const fromLower = lower === undefined ? 1 : compareBytes(key, lower);
  const fromUpper = upper === undefined ? -1 : compareBytes(key, upper);
  return (
    (lowerExclusive ? fromLower > 0 : fromLower >= 0) && (upperExclusive ? fromUpper < 0 : fromUpper <= 0)
  );
}

function withoutUndefined(bounds: Record<string, Uint8Array | undefined>): KeyRange {
  return Object.fromEntries(Object.entries(bounds).filter(([, bound]) => bound !== undefined));
}

describe("the bounds of a range", () => {
  it("let through exactly what all of gt, gte, lt, lte and prefix let through, in every combination", () => {
    const wrong: KeyRange[] = [];
    for (const gt of BOUNDS) {
      for (const gte of BOUNDS) {
        for (const lt of BOUNDS) {
          for (const lte of BOUNDS) {
            for (const prefix of [undefined, ...KEYS]) {
              const range = withoutUndefined({ gt, gte, lt, lte, prefix });
              if (KEYS.some((key) => isWithinBounds(key, range) !== isInRange(key, range))) wrong.push(range);
            }
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it("are copies: the caller may reuse its buffers", () => {
    const gte = Buffer.from("a");
    const prefix = Buffer.from("a");
    const bounds = boundsOf({ gte, prefix });
    gte.fill(0);
    prefix.fill(0);
    expect(Buffer.from(bounds.lower ?? []).toString()).toBe("a");
    expect(Buffer.from(bounds.upper ?? []).toString()).toBe("b");
  });
});
