import { expect, test } from "vitest";
import type { Sample } from "./measurement.ts";
import { median, summarize } from "./summary.ts";

function sample(fields: Partial<Sample>): Sample {
  return {
    operations: 1000,
    seconds: 1,
    p50Ms: 1,
    p99Ms: 2,
    p999Ms: 3,
    driverCpuSeconds: 0.1,
    serverCpuSeconds: 0.2,
    diskBytesWritten: 0,
    errors: 0,
    errorMessages: [],
    ...fields,
  };
}

test("the median is the middle one, or half-way between the two middle ones", () => {
  expect(median([5, 1, 100])).toBe(5);
  expect(median([4, 1, 2, 100])).toBe(3);
  expect(median([])).toBeNaN();
});

test("one disturbed round does not move the figures, and shows in the spread", () => {
  const summary = summarize([
    sample({ operations: 2000, seconds: 2, p99Ms: 2 }),
    sample({ operations: 100, seconds: 2, p99Ms: 900 }),
    sample({ operations: 2200, seconds: 2, p99Ms: 3 }),
  ]);
  expect(summary.opsPerSecond).toBe(1000);
  expect([summary.opsPerSecondMin, summary.opsPerSecondMax]).toEqual([50, 1100]);
  expect(summary.p99Ms).toBe(3);
});

test("costs are for each operation", () => {
  const summary = summarize([
    sample({ operations: 500, serverCpuSeconds: 1, driverCpuSeconds: 0.5, diskBytesWritten: 5_000 }),
  ]);
  expect(summary.serverCpuSecondsPerOp).toBe(0.002);
  expect(summary.driverCpuSecondsPerOp).toBe(0.001);
  expect(summary.diskBytesPerOp).toBe(10);
});

test("errors of all rounds are added up, and each message is shown once", () => {
  const summary = summarize([
    sample({ errors: 2, errorMessages: ["gone"] }),
    sample({ errors: 3, errorMessages: ["gone", "slow"] }),
  ]);
  expect(summary.errors).toBe(5);
  expect(summary.errorMessages).toEqual(["gone", "slow"]);
});

test("where the disk's counter is unknown, so are the bytes of an operation", () => {
  const { diskBytesWritten: _left, ...untold } = sample({});
  expect(summarize([sample({}), untold]).diskBytesPerOp).toBeUndefined();
});

test("a round without any operation does not divide by zero", () => {
  expect(summarize([sample({ operations: 0 })])).toMatchObject({
    opsPerSecond: 0,
    serverCpuSecondsPerOp: 0.2,
  });
});
