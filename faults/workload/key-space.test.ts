import { expect, test } from "vitest";
import { Random } from "../random.ts";
import { KeySpace, keyOf } from "./key-space.ts";
import { ShardSlots } from "./shard-slots.ts";

test("at any time every shard is asked for something", () => {
  const third = Math.floor(16_384 / 3);
  const slots = new ShardSlots({
    shards: [
      { replicas: [] },
      { id: 1, replicas: [], slots: [{ last: third }] },
      { id: 2, replicas: [], slots: [{ first: third + 1, last: 2 * third }] },
      { id: 3, replicas: [], slots: [{ first: 2 * third + 1, last: 16_383 }] },
    ],
  });
  expect(slots.shards).toEqual([1, 2, 3]);
  let nowMs = 0;
  const keys = new KeySpace({ name: "r1", slots, now: () => nowMs });
  const random = new Random(1, "keys");
  const seen = new Set<string>();
  for (; nowMs < 200_000; nowMs += 8000) {
    const objects = new Set(Array.from({ length: 60 }, () => keys.pick(random)));
    expect([...objects].some((object) => seen.has(object))).toBe(false);
    for (const object of objects) seen.add(object);
    const asked = new Set([...objects].map((object) => slots.shardOf(keyOf(object, "b"))));
    expect([...asked].toSorted((left, right) => left - right)).toEqual([1, 2, 3]);
  }
});
