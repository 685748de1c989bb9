import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";
import { RetryBudget } from "./retry-budget.ts";

test("a wait lies in the upper half of a bound that doubles up to its limit", () => {
  const options = { baseMs: 10, maxMs: 1000 };
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (failures, random) => {
        const bound = Math.min(1000, 10 * 2 ** (failures - 1));
        const waitMs = backoffMs(failures, options, () => random);
        expect(waitMs).toBeGreaterThanOrEqual(bound / 2);
        expect(waitMs).toBeLessThanOrEqual(bound);
      },
    ),
  );
});

test("a budget lets a burst through, then what time and answers bring", () => {
  const budget = new RetryBudget({ capacity: 3, perAnswer: 0.5, perSecond: 10 }, 0);
  expect([budget.take(0), budget.take(0), budget.take(0)]).toEqual([0, 0, 0]);
  expect(budget.take(0)).toBeCloseTo(100);
  expect(budget.take(0)).toBeCloseTo(200);
  // Two tokens are owed; half a second brings five, of which the bucket keeps three.
  expect(budget.take(500)).toBe(0);
  expect(budget.take(500)).toBe(0);
  expect(budget.take(500)).toBe(0);
  expect(budget.take(500)).toBeCloseTo(100);
  budget.giveBack();
  budget.answered();
  budget.answered();
  expect(budget.take(500)).toBe(0);
});

test("a budget never holds more than its capacity", () => {
  const budget = new RetryBudget({ capacity: 2, perAnswer: 1, perSecond: 1000 }, 0);
  for (let count = 0; count < 10; count += 1) budget.answered();
  budget.giveBack();
  expect([budget.take(60_000), budget.take(60_000)]).toEqual([0, 0]);
  expect(budget.take(60_000)).toBeGreaterThan(0);
});
