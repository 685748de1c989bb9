import * as fc from "fast-check";
import { HashRing, type RingMemberInit } from "@titan-kv/ring";

/** Ids that stress ordering and hashing: ordinary names, and any Unicode at all. */
export const arbitraryId: fc.Arbitrary<string> = fc.oneof(
  fc.integer({ min: 0, max: 99 }).map((number) => `node-${number}`),
  fc.string({ unit: "binary", minLength: 1, maxLength: 8 }),
);

/** One member, often with the default weight, often with one of three zones. */
export const arbitraryMember: fc.Arbitrary<RingMemberInit> = fc.record(
  {
    id: arbitraryId,
    weight: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 5, noNaN: true })),
    zone: fc.constantFrom("east", "west", "north"),
  },
  { requiredKeys: ["id"] },
);

/** One to twelve members with distinct ids. */
export const arbitraryMembers: fc.Arbitrary<RingMemberInit[]> = fc.uniqueArray(arbitraryMember, {
  minLength: 1,
  maxLength: 12,
  selector: (member) => member.id,
});

/** A ring with few virtual nodes, so that a run is cheap and arcs are uneven. */
export const arbitraryRing: fc.Arbitrary<HashRing> = fc
  .tuple(arbitraryMembers, fc.integer({ min: 1, max: 20 }))
  .map(([members, virtualNodes]) => new HashRing(members, { virtualNodes }));

/** A ring and a member that is not in it. */
export const arbitraryRingAndNewcomer: fc.Arbitrary<readonly [HashRing, RingMemberInit]> = fc
  .tuple(arbitraryRing, arbitraryMember)
  .filter(([ring, newcomer]) => !ring.has(newcomer.id));

/** Any key: text or bytes. */
export const arbitraryKey: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.uint8Array({ maxLength: 40 }),
);

/** Any position of the hash space, the ends often. */
export const arbitraryPosition: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
);
