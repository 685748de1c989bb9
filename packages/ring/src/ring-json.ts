import { arrayAt, checkConstant, integerAt, malformed, objectWith } from "./json-input.ts";
import { MAX_POINTS } from "./limits.ts";
import type { RingMember, RingMemberInit } from "./ring-member.ts";

/** Name of the placement rule in a ring's JSON. A ring of another rule would put the same keys elsewhere. */
export const RING_HASH = "murmur3_x86_32";

/** Version of a ring's JSON. */
export const RING_JSON_VERSION = 1;

/** A ring as a plain value: everything that decides where keys belong, and nothing else. */
export interface RingJson {
  readonly version: typeof RING_JSON_VERSION;
  readonly hash: typeof RING_HASH;
  readonly virtualNodes: number;
  /** In canonical order; `zone` is absent when the member has none. */
  readonly members: readonly { readonly id: string; readonly weight: number; readonly zone?: string }[];
}

/** What a ring is made of. */
export interface RingParts<Member> {
  readonly members: readonly Member[];
  readonly virtualNodes: number;
}

/** Writes a ring. */
export function ringToJson(ring: RingParts<RingMember>): RingJson {
  return {
    version: RING_JSON_VERSION,
    hash: RING_HASH,
    virtualNodes: ring.virtualNodes,
    members: ring.members.map(({ id, weight, zone }) =>
      zone === undefined ? { id, weight } : { id, weight, zone },
    ),
  };
}

/**
 * Reads a ring's shape. What a ring's constructor checks (ids, weights, zones) is left to it.
 * @throws RingError `MALFORMED`.
 */
export function parseRing(value: unknown): RingParts<RingMemberInit> {
  const ring = objectWith(value, "ring", { required: ["version", "hash", "virtualNodes", "members"] });
  checkConstant(ring["version"], "ring.version", RING_JSON_VERSION);
  checkConstant(ring["hash"], "ring.hash", RING_HASH);
  const virtualNodes = integerAt(ring["virtualNodes"], "ring.virtualNodes", { min: 1, max: MAX_POINTS });
  const members = arrayAt(ring["members"], "ring.members").map((member, index) =>
    parseMember(member, `ring.members[${index}]`),
  );
  return { virtualNodes, members };
}

function parseMember(value: unknown, field: string): RingMemberInit {
  const { id, weight, zone } = objectWith(value, field, { required: ["id", "weight"], optional: ["zone"] });
  if (typeof id !== "string") throw malformed(`${field}.id`, "must be a string");
  if (typeof weight !== "number") throw malformed(`${field}.weight`, "must be a number");
  if (zone !== undefined && typeof zone !== "string") throw malformed(`${field}.zone`, "must be a string");
  return { id, weight, zone };
}
