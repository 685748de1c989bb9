import { describe, expect, test } from "vitest";
import { InsertedKeys } from "./inserted-keys.ts";
import { seededRandom } from "./key-choice.ts";
import { chooseOperation, keyChooserOf, workloadNamed, workloadNames } from "./workload.ts";

const draws = 20_000;

describe.each(workloadNames)("the workload %s", (name) => {
  const workload = workloadNamed(name);

  test("has shares that add up to one, and draws them", () => {
    const shares = Object.values(workload.mixture);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
    const random = seededRandom(1);
    const counts = new Map<string, number>();
    for (let draw = 0; draw < draws; draw += 1) {
      const kind = chooseOperation(workload, random);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    for (const [kind, share] of Object.entries(workload.mixture)) {
      expect((counts.get(kind) ?? 0) / draws).toBeCloseTo(share, 1);
    }
  });

  test("asks for keys that exist, the same ones with the same seed", () => {
    const choose = keyChooserOf(workload, seededRandom(7), 1000);
    const again = keyChooserOf(workload, seededRandom(7), 1000);
    for (let draw = 0; draw < 2000; draw += 1) {
      const key = choose(1000);
      expect(key).toBe(again(1000));
      expect(Number.isInteger(key) && key >= 0 && key < 1000).toBe(true);
    }
  });
});

test("a zipfian workload asks for its hottest key some hundred times as often as for the mean one", () => {
  const choose = keyChooserOf(workloadNamed("ycsb-a"), seededRandom(3), 1000);
  const counts = new Map<number, number>();
  for (let draw = 0; draw < draws; draw += 1) {
    const key = choose(1000);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const hottest = Math.max(...counts.values());
  expect(hottest / (draws / 1000)).toBeGreaterThan(80);
  expect(counts.size).toBeGreaterThan(300);
});

test("the workload of what is new asks for new keys", () => {
  const choose = keyChooserOf(workloadNamed("ycsb-d"), seededRandom(3), 1000);
  const newest = Array.from({ length: draws }, () => choose(1500)).filter((key) => key >= 1400).length;
  expect(newest / draws).toBeGreaterThan(0.6);
});

/** The key that is asked for most often while there are so many. */
function hottestKey(present: number): number {
  const choose = keyChooserOf(workloadNamed("ycsb-e"), seededRandom(5), 1000);
  const counts = new Map<number, number>();
  for (let draw = 0; draw < 2000; draw += 1) {
    const key = choose(present);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].toSorted(([, one], [, other]) => other - one)[0]![0];
}

test("keys that are inserted do not make other keys hot", () => {
  expect(hottestKey(1003)).toBe(hottestKey(1000));
});

test("a key counts as inserted once it and all before it are written", () => {
  const keys = new InsertedKeys(10);
  const [first, second, third] = [keys.take(), keys.take(), keys.take()];
  keys.written(third);
  keys.written(second);
  expect(keys.present).toBe(10);
  keys.written(first);
  expect([first, keys.present, keys.take()]).toEqual([10, 13, 13]);
});
