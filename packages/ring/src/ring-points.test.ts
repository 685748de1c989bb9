import { describe, expect, it } from "vitest";
import { canonicalMembers } from "./ring-member.ts";
import { buildPoints, MAX_POSITION, pointAt, pointCountOf } from "./ring-points.ts";

const member = { id: "a", weight: 1, zone: undefined };

describe("pointCountOf", () => {
  it.each([
    [150, 1, 150],
    [150, 2, 300],
    [150, 0.5, 75],
    [1, 2.5, 3],
    [1, 2.49, 2],
    [150, 0.001, 1],
    [1, Number.MIN_VALUE, 1],
  ])("of %i virtual nodes and weight %d is %i", (virtualNodes, weight, points) => {
    expect(pointCountOf({ ...member, weight }, virtualNodes)).toBe(points);
  });
});

describe("pointAt", () => {
  it("agrees with a linear search at, before and after every point, for small and large rings", () => {
    for (const count of [1, 2, 3, 50]) {
      const ids = Array.from({ length: count }, (_, index) => `node-${index}`);
      const points = buildPoints(canonicalMembers(ids), count === 1 ? 1 : 20);
      const positions = [...points.positions.subarray(0, points.count)];
      expect(positions).toEqual(positions.toSorted((left, right) => left - right));
      const near = positions.flatMap((position) => [position - 1, position, position + 1]);
      for (const position of [
        0,
        ...near.filter((value) => value >= 0 && value <= MAX_POSITION),
        MAX_POSITION,
      ]) {
        const found = positions.findIndex((value) => value >= position);
        expect(pointAt(points, position)).toBe(found === -1 ? points.count : found);
      }
    }
  });

  it("finds points that stand exactly where a bucket begins", () => {
    const points = buildPoints([member], 65_536);
    const bucketSize = 2 ** points.bucketShift;
    const atBucketStart = points.positions
      .subarray(0, points.count)
      .filter((position) => position % bucketSize === 0);
    expect(atBucketStart.length).toBeGreaterThan(0);
    for (const position of atBucketStart) expect(points.positions[pointAt(points, position)]).toBe(position);
  });

  it("takes about half a step from where its bucket begins", () => {
    const ids = Array.from({ length: 100 }, (_, index) => `node-${index}`);
    const points = buildPoints(canonicalMembers(ids), 150);
    let steps = 0;
    let longest = 0;
    const samples = 100_000;
    for (let sample = 0; sample < samples; sample++) {
      const position = Math.floor((sample / samples) * 2 ** 32);
      const taken = pointAt(points, position) - points.bucketStarts.at(position >>> points.bucketShift)!;
      steps += taken;
      longest = Math.max(longest, taken);
    }
    expect(steps / samples).toBeLessThan(0.5);
    expect(longest).toBeLessThan(12);
  });
});
