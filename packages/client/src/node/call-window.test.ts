import { expect, test } from "vitest";
import { runWindowed } from "./call-window.ts";

test("items run a few at a time and results keep their order", async () => {
  let underWay = 0;
  let most = 0;
  const items = Array.from({ length: 100 }, (_, index) => index);
  const results = await runWindowed(items, 7, async (item) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, item % 3));
    underWay -= 1;
    return item * 2;
  });
  expect(results).toEqual(items.map((item) => item * 2));
  expect(most).toBe(7);
  expect(await runWindowed([], 7, () => Promise.resolve(1))).toEqual([]);
});
