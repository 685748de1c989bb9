import { expect, test } from "vitest";
import { LinkFaults } from "./link-faults.ts";

test("a partition cuts between groups in both directions, and nowhere else", () => {
  const faults = new LinkFaults();
  faults.partition(
    [
      [1, 2, 3],
      [4, 5],
    ],
    [1, 2, 3, 4, 5],
  );
  for (const from of [1, 2, 3, 4, 5]) {
    for (const to of [1, 2, 3, 4, 5]) expect(faults.isCut(from, to)).toBe(from < 4 !== to < 4);
  }
  expect(faults.directions.length).toBe(12);
});

test("nodes that no group names form one more, and a new partition replaces the old one", () => {
  const faults = new LinkFaults();
  faults.partition([[1]], [1, 2, 3]);
  expect([faults.isCut(1, 2), faults.isCut(2, 3)]).toEqual([true, false]);
  faults.partition([[3]], [1, 2, 3]);
  expect([faults.isCut(1, 2), faults.isCut(2, 3)]).toEqual([false, true]);
});

test("one direction alone can be cut, and healing tells those who listen", () => {
  const faults = new LinkFaults();
  let changes = 0;
  faults.onChange(() => (changes += 1));
  faults.cut(1, 2);
  expect([faults.isCut(1, 2), faults.isCut(2, 1)]).toEqual([true, false]);
  faults.heal();
  expect(faults.directions).toEqual([]);
  expect(changes).toBe(2);
});
