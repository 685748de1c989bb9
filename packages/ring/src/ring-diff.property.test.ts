import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryPosition, arbitraryRing, arbitraryRingAndNewcomer } from "../test/arbitrary-ring.ts";
import { propertyOptions } from "../test/property-options.ts";
import { diff, movedShare } from "./ring-diff.ts";

describe("diff", () => {
  it("names exactly the positions whose owner differs, with both owners", () => {
    fc.assert(
      fc.property(arbitraryRing, arbitraryRing, fc.array(arbitraryPosition), (from, to, positions) => {
        const moves = diff(from, to);
        const edges = [from, to].flatMap((ring) => ring.ranges().flatMap(({ first, last }) => [first, last]));
        for (const position of [...positions, ...edges]) {
          const move = moves.find(({ first, last }) => first <= position && position <= last);
          const [oldId, newId] = [from.getNodeAt(position), to.getNodeAt(position)];
          const expected = oldId === newId ? undefined : { from: oldId, to: newId };
          expect(move && { from: move.from, to: move.to }).toEqual(expected);
        }
      }),
      propertyOptions,
    );
  });

  it("gives ranges in order that are as long as they can be", () => {
    fc.assert(
      fc.property(arbitraryRing, arbitraryRing, (from, to) => {
        const moves = diff(from, to);
        for (const [index, move] of moves.entries()) {
          expect(move.last).toBeGreaterThanOrEqual(move.first);
          const next = moves[index + 1];
          if (next === undefined) continue;
          expect(next.first).toBeGreaterThan(move.last);
          const joinable = next.first === move.last + 1 && next.from === move.from && next.to === move.to;
          expect(joinable).toBe(false);
        }
      }),
      propertyOptions,
    );
  });

  it("moves positions only to a member that joins, exactly its share, and back when it leaves", () => {
    fc.assert(
      fc.property(arbitraryRingAndNewcomer, ([ring, newcomer]) => {
        const grown = ring.add(newcomer);
        const joining = diff(ring, grown);
        expect(new Set(joining.map((move) => move.to))).toEqual(
          new Set(joining.length > 0 ? [newcomer.id] : []),
        );
        expect(movedShare(joining)).toBe(grown.ownership().get(newcomer.id));
        const leaving = diff(grown, ring);
        expect(leaving).toEqual(
          joining.map(({ first, last, from, to }) => ({ first, last, from: to, to: from })),
        );
      }),
      propertyOptions,
    );
  });

  it("moves positions only to a member that gains weight, only from one that loses it, none for a zone", () => {
    fc.assert(
      fc.property(
        arbitraryRing,
        fc.nat(),
        fc.double({ min: 0.01, max: 5, noNaN: true }),
        (ring, pick, weight) => {
          const member = ring.members.at(pick % ring.size)!;
          const gained = weight >= member.weight;
          for (const move of diff(ring, ring.replace({ id: member.id, weight }))) {
            expect(gained ? move.to : move.from).toBe(member.id);
          }
          expect(diff(ring, ring.replace({ ...member, zone: "elsewhere" }))).toEqual([]);
        },
      ),
      propertyOptions,
    );
  });

  it("is empty between equal rings", () => {
    fc.assert(
      fc.property(arbitraryRing, (ring) => {
        expect(diff(ring, ring)).toEqual([]);
        expect(movedShare([])).toBe(0);
      }),
      propertyOptions,
    );
  });
});
