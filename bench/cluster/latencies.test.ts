import { expect, test } from "vitest";
import { Latencies } from "./latencies.ts";

test("a percentile is the smallest latency that at least this share did not exceed", () => {
  const latencies = new Latencies();
  for (let value = 1000; value >= 1; value -= 1) latencies.add(value);
  expect(latencies.percentiles([0.5, 0.99, 0.999, 1])).toEqual([500, 990, 999, 1000]);
});

test("of few latencies the high percentiles are the largest one", () => {
  const latencies = new Latencies();
  latencies.add(7);
  latencies.add(3);
  expect(latencies.percentiles([0, 0.5, 0.99, 0.999])).toEqual([3, 3, 7, 7]);
});

test("none at all are zero and not an error", () => {
  expect(new Latencies().percentiles([0.5])).toEqual([0]);
});

test("more than fit at first are all kept", () => {
  const latencies = new Latencies();
  const count = 200_000;
  for (let index = 0; index < count; index += 1) latencies.add(index);
  expect(latencies.count).toBe(count);
  expect(latencies.percentiles([1])).toEqual([count - 1]);
});
