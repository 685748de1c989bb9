import { compareCodePoints } from "./code-point-order.ts";
import { MAX_MEMBERS, MAX_NAME_LENGTH } from "./limits.ts";
import { RingError, type RingErrorCode } from "./ring-error.ts";

/** A member as a caller describes it. A bare string is a member of that id with the defaults. */
export interface RingMemberInit {
  /** Unique in the ring, 1 … 512 UTF-16 code units, no lone surrogates. The only thing that decides where its points lie. */
  readonly id: string;
  /** Share of the hash space relative to the other members: finite and above 0. Default 1. */
  readonly weight?: number | undefined;
  /**
   * The failure domain (a rack, a zone, a machine) that replicas should not share; same limits as an id. Default: none,
   * which counts as a zone of the member's own.
   */
  readonly zone?: string | undefined;
}

/** A member of a ring, with the defaults filled in. Frozen. */
export interface RingMember {
  /** Unique in the ring. */
  readonly id: string;
  /** Finite and above 0. */
  readonly weight: number;
  /** Undefined when the member has a zone of its own. */
  readonly zone: string | undefined;
}

/**
 * Checks members and puts them into the ring's canonical order, by code point of the id. Everything the ring computes
 * starts from this order, so the order in which a caller lists members cannot matter.
 * @throws RingError `EMPTY_RING`, `DUPLICATE_MEMBER`, `INVALID_MEMBER`, `LIMIT_EXCEEDED`.
 */
export function canonicalMembers(inits: Iterable<string | RingMemberInit>): readonly RingMember[] {
  const members: RingMember[] = [];
  const ids = new Set<string>();
  for (const init of inits) {
    const field = `members[${members.length}]`;
    const member = checkedMember(init, field);
    if (ids.has(member.id)) {
      throw new RingError(
        "DUPLICATE_MEMBER",
        `${field}: a member with the id "${member.id}" is already there.`,
        {
          field: `${field}.id`,
        },
      );
    }
    if (members.length === MAX_MEMBERS) {
      throw new RingError("LIMIT_EXCEEDED", `A ring holds at most ${MAX_MEMBERS} members.`, {
        field: "members",
      });
    }
    ids.add(member.id);
    members.push(member);
  }
  if (members.length === 0) {
    throw new RingError("EMPTY_RING", "A ring needs at least one member, so that every key has an owner.", {
      field: "members",
    });
  }
  return Object.freeze(members.toSorted((left, right) => compareCodePoints(left.id, right.id)));
}

/**
 * Checks a name: an id or a zone.
 * @throws RingError with the code given.
 */
export function checkName(name: unknown, field: string, code: RingErrorCode): asserts name is string {
  if (typeof name === "string" && name.length > 0 && name.length <= MAX_NAME_LENGTH && name.isWellFormed())
    return;
  throw new RingError(
    code,
    `${field} must be a string of 1 to ${MAX_NAME_LENGTH} UTF-16 code units without lone surrogates.`,
    { field },
  );
}

function checkedMember(init: string | RingMemberInit, field: string): RingMember {
  if (typeof init === "string") {
    checkName(init, `${field}.id`, "INVALID_MEMBER");
    return Object.freeze({ id: init, weight: 1, zone: undefined });
  }
  if (typeof init !== "object" || init === null) {
    throw new RingError("INVALID_MEMBER", `${field} must be an id or an object with an id.`, { field });
  }
  const { id, weight = 1, zone } = init;
  checkName(id, `${field}.id`, "INVALID_MEMBER");
  if (typeof weight !== "number" || !Number.isFinite(weight) || weight <= 0) {
    throw new RingError(
      "INVALID_MEMBER",
      `${field}.weight must be a finite number above 0, not ${String(weight)}; remove the member to give it nothing.`,
      { field: `${field}.weight` },
    );
  }
  if (zone !== undefined) checkName(zone, `${field}.zone`, "INVALID_MEMBER");
  return Object.freeze({ id, weight, zone });
}
