import fc from "fast-check";
import { expect, test } from "vitest";
import { ContentSum } from "./content-sum.ts";

type Records = readonly (readonly [string, string])[];

function sumOf(records: Records): string {
  const sum = new ContentSum();
  for (const [key, value] of records) sum.add(key, Buffer.from(value));
  return sum.toString();
}

const records = fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 30 });

test("the order of records does not matter, and sums of parts are the sum of the whole", () => {
  fc.assert(
    fc.property(records, fc.nat(), (all, cut) => {
      expect(sumOf(all.toReversed())).toBe(sumOf(all));
      const at = all.length === 0 ? 0 : cut % all.length;
      const whole = ContentSum.parse(sumOf(all.slice(0, at)))!;
      whole.addSum(ContentSum.parse(sumOf(all.slice(at)))!);
      expect(whole.toString()).toBe(sumOf(all));
    }),
  );
});

test("key and value cannot pass bytes to each other, and how often a record is there counts", () => {
  expect(sumOf([["ab", "c"]])).not.toBe(sumOf([["a", "bc"]]));
  expect(
    sumOf([
      ["a", "b"],
      ["a", "b"],
    ]),
  ).not.toBe(sumOf([["a", "b"]]));
});

test("carries go from word to word", () => {
  const sum = ContentSum.parse("f".repeat(64))!;
  sum.addSum(ContentSum.parse(`${"0".repeat(63)}1`)!);
  expect(sum.toString()).toBe("0".repeat(64));
  expect(ContentSum.parse("xyz")).toBeUndefined();
});

test("the sum of one record is the SHA-256 of its length, key and value", () => {
  // printf '\0\0\0\1ab' | sha256sum
  expect(sumOf([["a", "b"]])).toBe("8ca8c06d760f5781896a1fd8486a70fe5038b3b7d951701b763b250b67427795");
});
