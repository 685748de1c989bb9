import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryRing } from "../test/arbitrary-ring.ts";
import { propertyOptions } from "../test/property-options.ts";
import { SLOT_COUNT } from "./slot.ts";
import { assignSlots } from "./slot-assignment.ts";
import { HashRing } from "./hash-ring.ts";

const fewerRuns = { ...propertyOptions, numRuns: Math.ceil(propertyOptions.numRuns / 3) };
const arbitraryCap = fc.oneof(fc.constant(1), fc.double({ min: 1, max: 2, noNaN: true }));

describe("assignSlots with a cap", () => {
  it("never gives a member more than its cap, and every slot has an owner", () => {
    fc.assert(
      fc.property(arbitraryRing, arbitraryCap, (ring, maxLoad) => {
        const table = assignSlots(ring, { maxLoad });
        const totalWeight = ring.members.reduce((sum, member) => sum + member.weight, 0);
        for (const [id, slots] of table.counts()) {
          const fairShare = (SLOT_COUNT * ring.member(id)!.weight) / totalWeight;
          expect(slots).toBeLessThan(maxLoad * fairShare + 1 + 1e-6);
        }
      }),
      fewerRuns,
    );
  });

  it("leaves a member below its cap every slot that it has without one", () => {
    fc.assert(
      fc.property(arbitraryRing, arbitraryCap, (ring, maxLoad) => {
        const free = assignSlots(ring);
        const capped = assignSlots(ring, { maxLoad });
        const cappedCounts = capped.counts();
        const freeCounts = free.counts();
        for (const id of free.members) {
          const kept = free.slotsOf(id).filter((slot) => capped.ownerOf(slot) === id).length;
          // Either it kept everything, or it is full with slots of its own.
          expect([freeCounts.get(id), cappedCounts.get(id)]).toContain(kept);
        }
      }),
      fewerRuns,
    );
  });

  it("depends on the set of members alone", () => {
    fc.assert(
      fc.property(arbitraryRing, arbitraryCap, (ring, maxLoad) => {
        const reordered = new HashRing(ring.members.toReversed(), { virtualNodes: ring.virtualNodes });
        expect(assignSlots(reordered, { maxLoad }).equals(assignSlots(ring, { maxLoad }))).toBe(true);
      }),
      fewerRuns,
    );
  });
});
