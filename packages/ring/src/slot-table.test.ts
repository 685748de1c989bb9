import { describe, expect, it } from "vitest";
import { ringErrorOf } from "../test/thrown.ts";
import { SLOT_COUNT, slotOf } from "./slot.ts";
import { diffSlots } from "./slot-diff.ts";
import { SlotTable } from "./slot-table.ts";

/** Slots 0 … 9999 are a's, the others b's. */
const halves = new SlotTable({
  members: ["a", "b"],
  owners: Uint8Array.from({ length: SLOT_COUNT }, (_, slot) => (slot < 10_000 ? 0 : 1)),
});

describe("SlotTable", () => {
  it("answers for slots, keys and members", () => {
    expect(halves.ownerOf(9999)).toBe("a");
    expect(halves.ownerOf(10_000)).toBe("b");
    expect(halves.getNode("user:1")).toBe(halves.ownerOf(slotOf("user:1")));
    expect(halves.getNode("{user:1}:cart")).toBe(halves.getNode("user:1"));
    expect(halves.slotsOf("b")).toHaveLength(SLOT_COUNT - 10_000);
    expect(halves.slotsOf("b")[0]).toBe(10_000);
    expect(halves.slotsOf("nobody")).toEqual([]);
    expect([...halves.counts()]).toEqual([
      ["a", 10_000],
      ["b", SLOT_COUNT - 10_000],
    ]);
    expect(halves.ranges()).toEqual([
      { first: 0, last: 9999, id: "a" },
      { first: 10_000, last: SLOT_COUNT - 1, id: "b" },
    ]);
  });

  it("counts a member that owns every slot", () => {
    const table = new SlotTable({ members: ["a"], owners: new Uint16Array(SLOT_COUNT) });
    expect(table.counts().get("a")).toBe(SLOT_COUNT);
  });

  it("keeps only members that own a slot, by code point, and copies its input", () => {
    const owners = new Uint16Array(SLOT_COUNT).fill(2);
    owners[7] = 0;
    const table = new SlotTable({ members: ["z", "idle", "a"], owners });
    owners[7] = 2;
    expect(table.members).toEqual(["a", "z"]);
    expect(table.ownerOf(7)).toBe("z");
    expect(table.ownerOf(8)).toBe("a");
  });

  it("orders members by code point, not by UTF-16 unit", () => {
    const owners = new Uint16Array(SLOT_COUNT).fill(1, 100);
    expect(new SlotTable({ members: ["\u{10000}", "\uffff"], owners }).members).toEqual([
      "\uffff",
      "\u{10000}",
    ]);
  });

  it("hands out copies, so that it cannot be changed from outside", () => {
    halves.owners().fill(1);
    expect(halves.ownerOf(0)).toBe("a");
    expect(Object.isFrozen(halves.members)).toBe(true);
  });

  it.each([-1, SLOT_COUNT, 0.5, Number.NaN])("refuses the slot %d", (slot) => {
    expect(ringErrorOf(() => halves.ownerOf(slot))).toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "slot",
    });
  });

  it.each([
    [
      "too few owners",
      { members: ["a"], owners: new Uint16Array(SLOT_COUNT - 1) },
      "INVALID_ARGUMENT",
      "owners",
    ],
    ["no member", { members: [], owners: new Uint16Array(SLOT_COUNT) }, "INVALID_ARGUMENT", "owners[0]"],
    [
      "an owner that is no member",
      { members: ["a"], owners: new Uint16Array(SLOT_COUNT).fill(1, 5, 6) },
      "INVALID_ARGUMENT",
      "owners[5]",
    ],
    [
      "a hole",
      { members: ["a"], owners: Array.from({ length: SLOT_COUNT }) },
      "INVALID_ARGUMENT",
      "owners[0]",
    ],
    ["an empty id", { members: [""], owners: new Uint16Array(SLOT_COUNT) }, "INVALID_MEMBER", "members[0]"],
    [
      "an id twice",
      { members: ["a", "a"], owners: new Uint16Array(SLOT_COUNT) },
      "DUPLICATE_MEMBER",
      "members[1]",
    ],
  ])("refuses %s, naming the field", (_, init, code, field) => {
    expect(ringErrorOf(() => Reflect.construct(SlotTable, [init]))).toMatchObject({ code, field });
  });
});

describe("apply", () => {
  it("moves slots, also to a member that is new, and drops one that has none left", () => {
    const moved = halves.apply([
      { from: "a", to: "c", slots: [0, 1] },
      { from: "a", to: "b", slots: [2] },
      { from: "b", to: "c", slots: halves.slotsOf("b") },
    ]);
    expect(moved.ownerOf(1)).toBe("c");
    expect(moved.ownerOf(2)).toBe("b");
    expect(moved.ownerOf(3)).toBe("a");
    expect(moved.apply([{ from: "b", to: "a", slots: [2] }]).members).toEqual(["a", "c"]);
    expect(halves.members).toEqual(["a", "b"]);
  });

  it("refuses a move of a slot that its member does not own, or that is moved already", () => {
    const stale = ringErrorOf(() => halves.apply([{ from: "b", to: "c", slots: [0] }]));
    expect(stale).toMatchObject({ code: "STALE_MOVE" });
    expect(stale.message).toContain('Slot 0 cannot move from "b" to "c": it is owned by "a".');
    const twice = [
      { from: "a", to: "b", slots: [0] },
      { from: "a", to: "c", slots: [0] },
    ];
    expect(ringErrorOf(() => halves.apply(twice)).code).toBe("STALE_MOVE");
  });

  it("refuses slots and ids that are none", () => {
    expect(ringErrorOf(() => halves.apply([{ from: "a", to: "b", slots: [SLOT_COUNT] }])).code).toBe(
      "INVALID_ARGUMENT",
    );
    expect(ringErrorOf(() => halves.apply([{ from: "a", to: "", slots: [0] }])).code).toBe("INVALID_MEMBER");
  });
});

describe("diffSlots", () => {
  it("groups by pair of members, with ascending slots, in the order of first slots", () => {
    const to = halves.apply([
      { from: "b", to: "a", slots: [16_000] },
      { from: "a", to: "c", slots: [9, 3] },
      { from: "a", to: "b", slots: [5] },
    ]);
    expect(diffSlots(halves, to)).toEqual([
      { from: "a", to: "c", slots: [3, 9] },
      { from: "a", to: "b", slots: [5] },
      { from: "b", to: "a", slots: [16_000] },
    ]);
    expect(diffSlots(halves, halves)).toEqual([]);
  });
});
