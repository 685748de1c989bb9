import fc from "fast-check";
import { expect, test } from "vitest";
import { LatencyHistogram } from "./latency-histogram.ts";

test("percentiles are right to a few percent", () => {
  const latency = fc.double({ min: 0.001, max: 100_000, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(latency, { minLength: 1, maxLength: 500 }),
      fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1),
      (all, share) => {
        const histogram = new LatencyHistogram();
        for (const each of all) histogram.add(each);
        const exact = all.toSorted((one, other) => one - other)[
          Math.max(0, Math.ceil(share * all.length) - 1)
        ]!;
        const measured = histogram.quantileMs(share);
        expect(measured).toBeGreaterThanOrEqual(exact * 0.96 - 0.002);
        expect(measured).toBeLessThanOrEqual(exact * 1.04 + 0.002);
      },
    ),
  );
});

test("every latency is in one bar of the histogram, and the bars are where they belong", () => {
  const histogram = new LatencyHistogram();
  for (const latencyMs of [0.5, 1, 1.1, 30, 30]) histogram.add(latencyMs);
  const bars = histogram.doublings();
  expect(bars.reduce((sum, { count }) => sum + count, 0)).toBe(5);
  expect(bars.at(-1)).toEqual({ upToMs: 32.768, count: 2 });
  expect(bars[0]?.count).toBe(1);
});

test("an empty one has no bars and is all zeros", () => {
  const histogram = new LatencyHistogram();
  expect(histogram.doublings()).toEqual([]);
  expect(histogram.summary()).toMatchObject({ count: 0, meanMs: 0, minMs: 0, p99Ms: 0, maxMs: 0 });
});
