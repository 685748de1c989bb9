import { describe, expect, it } from "vitest";
import { ringErrorOf } from "../test/thrown.ts";
import { HashRing } from "./hash-ring.ts";
import { positionOfSlot, SLOT_COUNT } from "./slot.ts";
import { assignSlots } from "./slot-assignment.ts";
import { diffSlots } from "./slot-diff.ts";

const ten = new HashRing(Array.from({ length: 10 }, (_, index) => `node-${index}`));

describe("assignSlots", () => {
  it("gives each slot to the ring's owner of its middle", () => {
    const table = assignSlots(ten);
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      expect(table.ownerOf(slot)).toBe(ten.getNodeAt(positionOfSlot(slot)));
    }
  });

  it("agrees with the ring for most keys", () => {
    const table = assignSlots(ten);
    const keys = Array.from({ length: 10_000 }, (_, index) => `user:${index}`);
    const agreeing = keys.filter((key) => table.getNode(key) === ten.getNode(key)).length;
    // 1,500 points cut about one slot in eleven in two, and half or more of a cut slot's keys still agree.
    expect(agreeing).toBeGreaterThan(9600);
  });

  it("moves slots only to a member that joins when there is no cap", () => {
    const moves = diffSlots(assignSlots(ten), assignSlots(ten.add("node-10")));
    expect(new Set(moves.map((move) => move.to))).toEqual(new Set(["node-10"]));
  });

  it("gives every member its cap at most and moves little more than it must", () => {
    const before = assignSlots(ten, { maxLoad: 1.05 });
    expect(Math.max(...before.counts().values())).toBeLessThanOrEqual(Math.ceil(1.05 * 1638.4));
    const after = assignSlots(ten.add("node-10"), { maxLoad: 1.05 });
    const moved = diffSlots(before, after).reduce((sum, move) => sum + move.slots.length, 0);
    expect(moved / SLOT_COUNT).toBeLessThan(1 / 11 + 0.02);
  });

  it("divides as evenly as whole slots allow when the cap is 1", () => {
    const counts = [...assignSlots(ten, { maxLoad: 1 }).counts().values()];
    expect(Math.max(...counts)).toBe(1639);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(SLOT_COUNT);
  });

  it("works for more members than slots", () => {
    const many = new HashRing(
      Array.from({ length: SLOT_COUNT + 10 }, (_, index) => String(index)),
      { virtualNodes: 1 },
    );
    expect(Math.max(...assignSlots(many, { maxLoad: 1 }).counts().values())).toBe(1);
  });

  it.each([0.99, 0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses the cap %d", (maxLoad) => {
    expect(ringErrorOf(() => assignSlots(ten, { maxLoad }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "maxLoad",
    });
  });
});
