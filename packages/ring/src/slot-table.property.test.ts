import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryId } from "../test/arbitrary-ring.ts";
import { propertyOptions } from "../test/property-options.ts";
import { SLOT_COUNT } from "./slot.ts";
import { diffSlots } from "./slot-diff.ts";
import { SlotTable } from "./slot-table.ts";

/** A table of one to six members; runs of slots from a few cuts, so that shrinking is quick. */
const arbitraryTable: fc.Arbitrary<SlotTable> = fc
  .uniqueArray(arbitraryId, { minLength: 1, maxLength: 6 })
  .chain((members) =>
    fc.array(fc.tuple(fc.nat(SLOT_COUNT - 1), fc.nat(members.length - 1)), { maxLength: 12 }).map((cuts) => {
      const owners = new Uint16Array(SLOT_COUNT);
      for (const [slot, owner] of cuts) owners.fill(owner, slot);
      return new SlotTable({ members, owners });
    }),
  );

const fewerRuns = { ...propertyOptions, numRuns: Math.ceil(propertyOptions.numRuns / 3) };

describe("SlotTable", () => {
  it("reaches another table by applying the difference, whatever the order of the moves", () => {
    fc.assert(
      fc.property(arbitraryTable, arbitraryTable, (from, to) => {
        const moves = diffSlots(from, to);
        expect(from.apply(moves).equals(to)).toBe(true);
        expect(from.apply(moves.toReversed()).equals(to)).toBe(true);
      }),
      fewerRuns,
    );
  });

  it("names in a difference exactly the slots whose owner differs", () => {
    fc.assert(
      fc.property(arbitraryTable, arbitraryTable, (from, to) => {
        const moved = new Map(
          diffSlots(from, to).flatMap((move) => move.slots.map((slot) => [slot, move] as const)),
        );
        const wrong: number[] = [];
        for (let slot = 0; slot < SLOT_COUNT; slot++) {
          const move = moved.get(slot);
          const [oldId, newId] = [from.ownerOf(slot), to.ownerOf(slot)];
          const right =
            move === undefined
              ? oldId === newId
              : move.from === oldId && move.to === newId && oldId !== newId;
          if (!right) wrong.push(slot);
        }
        expect(wrong).toEqual([]);
      }),
      fewerRuns,
    );
  });

  it("comes back from JSON text as it was, and equal tables have equal text", () => {
    fc.assert(
      fc.property(arbitraryTable, arbitraryTable, (table, other) => {
        const text = JSON.stringify(table);
        expect(SlotTable.fromJSON(JSON.parse(text)).equals(table)).toBe(true);
        expect(JSON.stringify(other) === text).toBe(other.equals(table));
      }),
      fewerRuns,
    );
  });

  it("does not depend on the order in which its members are listed", () => {
    fc.assert(
      fc.property(arbitraryTable, (table) => {
        const last = table.members.length - 1;
        const reversed = new SlotTable({
          members: table.members.toReversed(),
          owners: table.owners().map((owner) => last - owner),
        });
        expect(reversed.equals(table)).toBe(true);
      }),
      fewerRuns,
    );
  });
});
