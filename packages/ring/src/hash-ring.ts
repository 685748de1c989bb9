import { DEFAULT_VIRTUAL_NODES, MAX_POINTS } from "./limits.ts";
import { distinctRanks, numberZones, replicaRanks, type ReplicaWalk } from "./replica-walk.ts";
import { signedHashOf, type RingKey } from "./ring-key.ts";
import { RingError } from "./ring-error.ts";
import { parseRing, type RingJson, ringToJson } from "./ring-json.ts";
import { canonicalMembers, type RingMember, type RingMemberInit } from "./ring-member.ts";
import { buildPoints, checkPosition, MAX_POSITION, pointAt, type RingPoints } from "./ring-points.ts";

/** Options of a ring. Rings that should agree need the same. */
export interface HashRingOptions {
  /**
   * Points per member of weight 1: an integer of at least 1. Default 150, close to ketama's 160: the fullest of
   * 10 members then owns about an eighth more than the mean. Four times as many halve that excess and cost four times
   * the memory (14 to 22 bytes a point).
   */
  readonly virtualNodes?: number | undefined;
}

/** A contiguous part of the hash space and its owner. It never wraps: an arc over the end is two ranges. */
export interface RingRange {
  /** First position, inclusive. */
  readonly first: number;
  /** Last position, inclusive. */
  readonly last: number;
  /** Id of the member that owns it. */
  readonly id: string;
}

/**
 * A consistent hash ring (Karger et al. 1997): says which member owns a key, so that a change of members moves only the
 * keys that it must.
 *
 * A ring is an immutable value. `add`, `remove` and `replace` give a new ring and leave this one as it was, so two
 * rings can be compared, and a lookup never sees half a change. It is a function of its members and options alone:
 * the same members in any order, on any machine, in any release, give the same ring. A ring is never empty, so every
 * key has an owner.
 */
export class HashRing {
  /** The members in canonical order: by code point of the id. Frozen. */
  readonly members: readonly RingMember[];
  /** Points per member of weight 1. */
  readonly virtualNodes: number;

  readonly #points: RingPoints;
  readonly #walk: ReplicaWalk;
  readonly #rankOf: ReadonlyMap<string, number>;

  /**
   * @param members ids, or members with weight and zone, in any order. Read once, not kept.
   * @throws RingError `EMPTY_RING`, `DUPLICATE_MEMBER`, `INVALID_MEMBER`, `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`.
   */
  constructor(members: Iterable<string | RingMemberInit>, options: HashRingOptions = {}) {
    const { virtualNodes = DEFAULT_VIRTUAL_NODES } = options;
    if (!Number.isInteger(virtualNodes) || virtualNodes < 1 || virtualNodes > MAX_POINTS) {
      throw new RingError(
        "INVALID_ARGUMENT",
        `virtualNodes must be an integer from 1 to ${MAX_POINTS}, not ${virtualNodes}.`,
        { field: "virtualNodes" },
      );
    }
    this.members = canonicalMembers(members);
    this.virtualNodes = virtualNodes;
    this.#points = buildPoints(this.members, virtualNodes);
    this.#walk = { points: this.#points, ...numberZones(this.members.map((member) => member.zone)) };
    this.#rankOf = new Map(this.members.map((member, rank) => [member.id, rank]));
  }

  /** Number of members, at least 1. */
  get size(): number {
    return this.members.length;
  }

  /** Whether a member has this id. */
  has(id: string): boolean {
    return this.#rankOf.has(id);
  }

  /** The member of this id, or undefined. */
  member(id: string): RingMember | undefined {
    const rank = this.#rankOf.get(id);
    return rank === undefined ? undefined : this.members[rank];
  }

  /**
   * Id of the member that owns a key.
   * @throws RingError `INVALID_KEY`.
   */
  getNode(key: RingKey): string {
    return this.#idAt(pointAt(this.#points, signedHashOf(key)));
  }

  /**
   * Ids of the members that hold copies of a key: the owner first, then others clockwise, one of every zone before a
   * second of any, two of every zone before a third of any. The answer for a smaller count is the beginning of the
   * answer for a larger one. Shorter than `count` when the ring has fewer members.
   * @param count an integer of at least 1.
   * @throws RingError `INVALID_KEY`, `INVALID_ARGUMENT`.
   */
  getReplicas(key: RingKey, count: number): string[] {
    if (!Number.isInteger(count) || count < 1) {
      throw new RingError("INVALID_ARGUMENT", `count must be an integer of at least 1, not ${count}.`, {
        field: "count",
      });
    }
    const start = pointAt(this.#points, signedHashOf(key));
    return replicaRanks(this.#walk, start, count).map((rank) => this.members[rank]!.id);
  }

  /**
   * Id of the member that owns a position, such as one that `hashKey` returned.
   * @param position an integer from 0 to 2^32 - 1.
   * @throws RingError `INVALID_ARGUMENT`.
   */
  getNodeAt(position: number): string {
    checkPosition(position);
    return this.#idAt(pointAt(this.#points, position));
  }

  /**
   * Ids of all members, each once, in the order in which a walk clockwise from a position meets them; zones are not
   * looked at. For placement rules of your own.
   * @param position an integer from 0 to 2^32 - 1.
   * @throws RingError `INVALID_ARGUMENT`.
   */
  walkFrom(position: number): Generator<string, void, undefined> {
    checkPosition(position);
    return this.#idsFrom(pointAt(this.#points, position));
  }

  /** The whole hash space as ranges, ascending, without gaps, neighbours always of different owners. */
  ranges(): RingRange[] {
    const { count, positions } = this.#points;
    const ranges: { first: number; last: number; id: string }[] = [];
    let first = 0;
    for (let index = 0; index <= count; index++) {
      const last = positions[index]!;
      // A point that shares its position with the one before it owns nothing.
      if (last < first) continue;
      const id = this.#idAt(index);
      const previous = ranges.at(-1);
      if (previous?.id === id) previous.last = last;
      else ranges.push({ first, last, id });
      first = last + 1;
    }
    return ranges;
  }

  /** The exact share of the hash space that each member owns, by id in canonical order. The shares add up to 1. */
  ownership(): Map<string, number> {
    const shares = new Map(this.members.map((member) => [member.id, 0]));
    // Multiples of 2^-32 below 1 are exact in a double, and so is every sum of them up to 1.
    for (const { first, last, id } of this.ranges()) {
      shares.set(id, shares.get(id)! + (last - first + 1) / (MAX_POSITION + 1));
    }
    return shares;
  }

  /**
   * A ring with one more member. Keys move only to it.
   * @throws RingError `DUPLICATE_MEMBER`, `INVALID_MEMBER`, `LIMIT_EXCEEDED`.
   */
  add(member: string | RingMemberInit): HashRing {
    return this.#with([...this.members, member]);
  }

  /**
   * A ring without a member. Only its keys move.
   * @throws RingError `UNKNOWN_MEMBER`; `EMPTY_RING` when it is the last one.
   */
  remove(id: string): HashRing {
    this.#checkKnown(id);
    return this.#with(this.members.filter((member) => member.id !== id));
  }

  /**
   * A ring in which the member of the same id has another weight or zone; what is left out takes its default. Keys move
   * only to it when it gains weight, only from it when it loses some, and not at all when only the zone changes.
   * @throws RingError `UNKNOWN_MEMBER`, `INVALID_MEMBER`, `LIMIT_EXCEEDED`.
   */
  replace(member: RingMemberInit): HashRing {
    this.#checkKnown(member.id);
    return this.#with(this.members.map((old) => (old.id === member.id ? member : old)));
  }

  /** Whether both rings have the same members (id, weight, zone) and options, hence the same answers. */
  equals(other: HashRing): boolean {
    return JSON.stringify(this) === JSON.stringify(other);
  }

  /** A plain value for `JSON.stringify`. Equal rings give equal text. */
  toJSON(): RingJson {
    return ringToJson(this);
  }

  /**
   * The ring that `toJSON` wrote, from the value that `JSON.parse` returned.
   * @throws RingError `MALFORMED` with `field` saying where.
   */
  static fromJSON(value: unknown): HashRing {
    const { members, virtualNodes } = parseRing(value);
    try {
      return new HashRing(members, { virtualNodes });
    } catch (cause) {
      if (!(cause instanceof RingError)) throw cause;
      throw new RingError("MALFORMED", `Not a ring: ${cause.message}`, {
        cause,
        field: `ring.${cause.field}`,
      });
    }
  }

  #idAt(pointIndex: number): string {
    return this.members[this.#points.ranks[pointIndex]!]!.id;
  }

  *#idsFrom(pointIndex: number): Generator<string, void, undefined> {
    for (const rank of distinctRanks(this.#walk, pointIndex)) yield this.members[rank]!.id;
  }

  #with(members: Iterable<string | RingMemberInit>): HashRing {
    return new HashRing(members, { virtualNodes: this.virtualNodes });
  }

  #checkKnown(id: string): void {
    if (this.has(id)) return;
    throw new RingError("UNKNOWN_MEMBER", `No member has the id "${id}"; use add for a new one.`, {
      field: "id",
    });
  }
}
