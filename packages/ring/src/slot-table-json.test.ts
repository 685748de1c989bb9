import { describe, expect, it } from "vitest";
import { ringErrorOf } from "../test/thrown.ts";
import { SLOT_COUNT } from "./slot.ts";
import { SlotTable } from "./slot-table.ts";

const good = {
  version: 1,
  slotCount: 16_384,
  members: ["a", "b"],
  runs: [
    [0, 10_000],
    [1, 6000],
    [0, 384],
  ],
};

describe("a slot table's JSON", () => {
  it("is this, to the letter", () => {
    const owners = new Uint16Array(SLOT_COUNT).fill(1, 10_000, 16_000);
    expect(JSON.stringify(new SlotTable({ members: ["a", "b"], owners }))).toBe(JSON.stringify(good));
    expect(SlotTable.fromJSON(good).owners()).toEqual(owners);
  });

  it.each([
    ["nothing", undefined, "table"],
    ["an array", [], "table"],
    ["a later version", { ...good, version: 2 }, "table.version"],
    ["another number of slots", { ...good, slotCount: 1024 }, "table.slotCount"],
    ["an unknown field", { ...good, epoch: 3 }, "table.epoch"],
    ["members that are no array", { ...good, members: "ab" }, "table.members"],
    ["no members", { ...good, members: [] }, "table.members"],
    ["a member that is a number", { ...good, members: ["a", 2] }, "table.members[1]"],
    ["an empty id", { ...good, members: ["a", ""] }, "table.members[1]"],
    ["an id twice", { ...good, members: ["a", "a"] }, "table.members[1]"],
    [
      "more members than slots",
      { ...good, members: Array.from({ length: 16_385 }, String) },
      "table.members",
    ],
    ["runs that are no array", { ...good, runs: {} }, "table.runs"],
    ["no runs", { ...good, runs: [] }, "table.runs"],
    ["a run that is a number", { ...good, runs: [16_384] }, "table.runs[0]"],
    ["a run of three", { ...good, runs: [[0, 16_384, 0]] }, "table.runs[0]"],
    ["a run of a member that is none", { ...good, runs: [[2, 16_384]] }, "table.runs[0][0]"],
    ["a run of a member in words", { ...good, runs: [["a", 16_384]] }, "table.runs[0][0]"],
    ["a run of no slots", { ...good, runs: [[0, 0]] }, "table.runs[0][1]"],
    ["a run of half a slot", { ...good, runs: [[0, 0.5]] }, "table.runs[0][1]"],
    [
      "too many slots",
      {
        ...good,
        runs: [
          [0, 16_000],
          [1, 385],
        ],
      },
      "table.runs[1][1]",
    ],
    [
      "a run after the last slot",
      {
        ...good,
        runs: [
          [0, 16_384],
          [1, 1],
        ],
      },
      "table.runs[1]",
    ],
    ["too few slots", { ...good, runs: [[0, 16_383]] }, "table.runs"],
  ])("is refused when it is or has %s, naming the field", (_, value, field) => {
    expect(ringErrorOf(() => SlotTable.fromJSON(value))).toMatchObject({ code: "MALFORMED", field });
  });
});
