import { expect, test } from "vitest";
import { faultKinds } from "./fault-kinds.ts";
import { describeSchedule, makeSchedule, type ScheduleOptions } from "./schedule.ts";

const options: ScheduleOptions = { seed: 7, round: 1, durationMs: 60_000, nodes: 5, kinds: faultKinds };

test("a seed always gives the same schedule, another seed or round another one", () => {
  const lines = describeSchedule(makeSchedule(options));
  expect(lines.length).toBeGreaterThan(10);
  expect(describeSchedule(makeSchedule(options))).toEqual(lines);
  expect(describeSchedule(makeSchedule({ ...options, seed: 8 }))).not.toEqual(lines);
  expect(describeSchedule(makeSchedule({ ...options, round: 2 }))).not.toEqual(lines);
});

test("every fault is over when the round is", () => {
  for (const { startMs, holdMs } of [...makeSchedule(options).values()].flat()) {
    expect(startMs + holdMs).toBeLessThanOrEqual(options.durationMs);
  }
});
