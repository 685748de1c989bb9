import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  arbitraryKey,
  arbitraryMembers,
  arbitraryPosition,
  arbitraryRing,
  arbitraryRingAndNewcomer,
} from "../test/arbitrary-ring.ts";
import { NaiveRing } from "../test/naive-ring.ts";
import { propertyOptions } from "../test/property-options.ts";
import { HashRing } from "./hash-ring.ts";
import { hashKey } from "./ring-key.ts";

describe("a ring and its specification", () => {
  it("agree on the owner of every key and position", () => {
    fc.assert(
      fc.property(
        arbitraryRing,
        fc.array(arbitraryKey),
        fc.array(arbitraryPosition),
        (ring, keys, positions) => {
          const naive = new NaiveRing(ring);
          for (const key of keys) expect(ring.getNode(key)).toBe(naive.ownerAt(hashKey(key)));
          // Around every point, where an off-by-one would show.
          const edges = ring.ranges().flatMap(({ first, last }) => [first, last]);
          for (const position of [...positions, ...edges]) {
            expect(ring.getNodeAt(position)).toBe(naive.ownerAt(position));
          }
        },
      ),
      propertyOptions,
    );
  });

  it("agree on walks and replicas", () => {
    fc.assert(
      fc.property(arbitraryRing, arbitraryKey, fc.integer({ min: 1, max: 14 }), (ring, key, count) => {
        const naive = new NaiveRing(ring);
        expect([...ring.walkFrom(hashKey(key))]).toEqual(naive.walkFrom(hashKey(key)));
        expect(ring.getReplicas(key, count)).toEqual(naive.replicasAt(hashKey(key), count));
      }),
      propertyOptions,
    );
  });
});

describe("determinism", () => {
  it("the same members in any order give the same ring", () => {
    const shuffled = arbitraryMembers.chain((members) =>
      fc.tuple(
        fc.constant(members),
        fc.shuffledSubarray(members, { minLength: members.length, maxLength: members.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([members, reordered]) => {
        const ring = new HashRing(members, { virtualNodes: 8 });
        const [first, rest] = [reordered.slice(0, 1), reordered.slice(1)];
        const grown = rest.reduce(
          (partial, member) => partial.add(member),
          new HashRing(first, { virtualNodes: 8 }),
        );
        expect(JSON.stringify(grown)).toBe(JSON.stringify(ring));
        expect(grown.equals(ring)).toBe(true);
        expect(grown.ranges()).toEqual(ring.ranges());
      }),
      propertyOptions,
    );
  });

  it("adding and removing a member gives the ring that was there before", () => {
    fc.assert(
      fc.property(arbitraryRingAndNewcomer, ([ring, newcomer]) => {
        expect(ring.add(newcomer).remove(newcomer.id).equals(ring)).toBe(true);
        expect(ring.add(newcomer).equals(ring)).toBe(false);
      }),
      propertyOptions,
    );
  });

  it("a ring read back from JSON text is the same ring", () => {
    fc.assert(
      fc.property(arbitraryRing, (ring) => {
        const copy = HashRing.fromJSON(JSON.parse(JSON.stringify(ring)));
        expect(copy.equals(ring)).toBe(true);
        expect(copy.members).toEqual(ring.members);
        expect(copy.ranges()).toEqual(ring.ranges());
      }),
      propertyOptions,
    );
  });
});

describe("ranges and ownership", () => {
  it("cover the hash space without gap or overlap, and neighbours differ", () => {
    fc.assert(
      fc.property(arbitraryRing, (ring) => {
        let next = 0;
        let previous: string | undefined;
        for (const { first, last, id } of ring.ranges()) {
          expect(first).toBe(next);
          expect(last).toBeGreaterThanOrEqual(first);
          expect(id).not.toBe(previous);
          previous = id;
          next = last + 1;
        }
        expect(next).toBe(2 ** 32);
      }),
      propertyOptions,
    );
  });

  it("shares are exact: they add up to 1 and name every member in order", () => {
    fc.assert(
      fc.property(arbitraryRing, (ring) => {
        const shares = ring.ownership();
        expect([...shares.keys()]).toEqual(ring.members.map((member) => member.id));
        expect([...shares.values()].reduce((sum, share) => sum + share, 0)).toBe(1);
      }),
      propertyOptions,
    );
  });
});

describe("replicas", () => {
  it("begin with the owner, are distinct, and a smaller count is a prefix of a larger one", () => {
    fc.assert(
      fc.property(arbitraryRing, arbitraryKey, (ring, key) => {
        const all = ring.getReplicas(key, ring.size);
        expect(all[0]).toBe(ring.getNode(key));
        expect(new Set(all).size).toBe(ring.size);
        for (let count = 1; count <= ring.size; count++) {
          expect(ring.getReplicas(key, count)).toEqual(all.slice(0, count));
        }
      }),
      propertyOptions,
    );
  });

  it("are spread over zones as evenly as the zones' sizes allow", () => {
    fc.assert(
      fc.property(arbitraryRing, arbitraryKey, fc.integer({ min: 1, max: 12 }), (ring, key, count) => {
        const zoneOf = (id: string): string => ring.member(id)!.zone ?? `own ${id}`;
        const replicas = ring.getReplicas(key, count);
        for (const crowded of replicas.map(zoneOf)) {
          const inCrowded = replicas.filter((id) => zoneOf(id) === crowded).length;
          for (const spare of ring.members.filter(({ id }) => !replicas.includes(id))) {
            const inSpare = replicas.filter((id) => zoneOf(id) === zoneOf(spare.id)).length;
            // Otherwise taking the spare one instead of one of the crowded zone would spread better.
            expect(inCrowded - inSpare).toBeLessThanOrEqual(1);
          }
        }
      }),
      propertyOptions,
    );
  });

  it("change by at most one member when a member joins", () => {
    fc.assert(
      fc.property(
        arbitraryRingAndNewcomer,
        arbitraryKey,
        fc.integer({ min: 1, max: 5 }),
        ([ring, newcomer], key, count) => {
          const before = ring.getReplicas(key, count);
          const after = ring.add(newcomer).getReplicas(key, count);
          expect(after.filter((id) => !before.includes(id) && id !== newcomer.id)).toEqual([]);
          expect(before.filter((id) => !after.includes(id)).length).toBeLessThanOrEqual(1);
        },
      ),
      propertyOptions,
    );
  });
});
