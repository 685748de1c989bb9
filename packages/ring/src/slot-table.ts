import { compareCodePoints } from "./code-point-order.ts";
import type { RingKey } from "./ring-key.ts";
import { RingError } from "./ring-error.ts";
import { checkName } from "./ring-member.ts";
import { checkSlot, SLOT_COUNT, slotOf } from "./slot.ts";
import type { SlotMove } from "./slot-diff.ts";
import { parseSlotTable, type SlotTableJson, slotTableToJson } from "./slot-table-json.ts";

/** Who owns each slot, as plain arrays. */
export interface SlotOwners {
  /** Ids that `owners` refers to. */
  readonly members: readonly string[];
  /** 16384 indexes into `members`, one for each slot. */
  readonly owners: ArrayLike<number>;
}

/** A contiguous run of slots and its owner. */
export interface SlotRange {
  /** First slot, inclusive. */
  readonly first: number;
  /** Last slot, inclusive. */
  readonly last: number;
  /** Id of the owner. */
  readonly id: string;
}

/**
 * Says which member owns each of the 16384 slots: what a cluster agrees on and routes by.
 *
 * A table is an immutable value, and nothing but a function from slot to id: two tables are equal when every slot has
 * the same owner in both. A member without a slot is not in it.
 */
export class SlotTable {
  /** Ids of the members that own at least one slot, by code point. Frozen. */
  readonly members: readonly string[];

  readonly #owners: Uint16Array;

  /**
   * @param init copied; ids may be in any order, and those that no slot refers to are left out.
   * @throws RingError `INVALID_ARGUMENT`, `INVALID_MEMBER`, `DUPLICATE_MEMBER`, with `field` saying where.
   */
  constructor(init: SlotOwners) {
    const { members, owners } = init;
    checkIds(members);
    checkOwners(owners, members.length);
    const used = new Set(Array.from(owners));
    const ids = members.filter((_, index) => used.has(index)).toSorted(compareCodePoints);
    const newIndexes = new Map(ids.map((id, index) => [id, index]));
    this.members = Object.freeze(ids);
    this.#owners = Uint16Array.from(owners, (index) => newIndexes.get(members[index]!)!);
  }

  /**
   * Id of the owner of a slot.
   * @throws RingError `INVALID_ARGUMENT` when `slot` is not an integer from 0 to 16383.
   */
  ownerOf(slot: number): string {
    const owner = this.#owners[slot];
    if (owner === undefined) checkSlot(slot);
    return this.members[owner!]!;
  }

  /**
   * Id of the owner of a key's slot.
   * @throws RingError `INVALID_KEY`.
   */
  getNode(key: RingKey): string {
    return this.members[this.#owners[slotOf(key)]!]!;
  }

  /** Index into `members` of each slot's owner, 16384 of them. A copy, the caller's to keep. */
  owners(): Uint16Array<ArrayBuffer> {
    return Uint16Array.from(this.#owners);
  }

  /** The slots that a member owns, ascending; none when it is not in the table. */
  slotsOf(id: string): number[] {
    const slots: number[] = [];
    const owner = this.members.indexOf(id);
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.#owners[slot] === owner) slots.push(slot);
    }
    return slots;
  }

  /** How many slots each member owns, by id in the order of `members`. */
  counts(): Map<string, number> {
    const counts = new Uint16Array(this.members.length);
    for (const owner of this.#owners) counts[owner]! += 1;
    return new Map(this.members.map((id, index) => [id, counts[index]!]));
  }

  /** All slots as runs, ascending, without gaps, neighbours always of different owners. */
  ranges(): SlotRange[] {
    const ranges: SlotRange[] = [];
    let first = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const owner = this.#owners[slot]!;
      if (slot + 1 < SLOT_COUNT && this.#owners[slot + 1] === owner) continue;
      ranges.push({ first, last: slot, id: this.members[owner]! });
      first = slot + 1;
    }
    return ranges;
  }

  /**
   * The table after some moves. Their order does not matter.
   * @throws RingError `STALE_MOVE` when a slot is not its move's `from`'s, or is moved twice; then nothing is applied.
   * `INVALID_ARGUMENT` when a slot is not one, `INVALID_MEMBER` when `to` is not an id.
   */
  apply(moves: readonly SlotMove[]): SlotTable {
    const members = [...new Set([...this.members, ...moves.map((move) => move.to)])];
    const owners = this.owners();
    const moved = new Set<number>();
    for (const move of moves) {
      const to = members.indexOf(move.to);
      for (const slot of move.slots) {
        const owner = this.ownerOf(slot);
        if (owner !== move.from || moved.has(slot)) {
          throw new RingError(
            "STALE_MOVE",
            `Slot ${slot} cannot move from "${move.from}" to "${move.to}": ` +
              `${moved.has(slot) ? "another move takes it" : `it is owned by "${owner}"`}. Plan again from this table.`,
          );
        }
        moved.add(slot);
        owners[slot] = to;
      }
    }
    return new SlotTable({ members, owners });
  }

  /** Whether every slot has the same owner in both tables. */
  equals(other: SlotTable): boolean {
    if (this.members.length !== other.members.length) return false;
    if (this.members.some((id, index) => id !== other.members[index])) return false;
    return this.#owners.every((owner, slot) => owner === other.#owners[slot]);
  }

  /** A plain value for `JSON.stringify`. Equal tables give equal text. */
  toJSON(): SlotTableJson {
    return slotTableToJson(this);
  }

  /**
   * The table that `toJSON` wrote, from the value that `JSON.parse` returned.
   * @throws RingError `MALFORMED` with `field` saying where.
   */
  static fromJSON(value: unknown): SlotTable {
    const parsed = parseSlotTable(value);
    try {
      return new SlotTable(parsed);
    } catch (cause) {
      if (!(cause instanceof RingError)) throw cause;
      throw new RingError("MALFORMED", `Not a slot table: ${cause.message}`, {
        cause,
        field: `table.${cause.field}`,
      });
    }
  }
}

function checkIds(members: readonly string[]): void {
  const ids = new Set<string>();
  for (const [index, id] of members.entries()) {
    const field = `members[${index}]`;
    checkName(id, field, "INVALID_MEMBER");
    if (ids.has(id))
      throw new RingError("DUPLICATE_MEMBER", `${field}: the id "${id}" is already there.`, { field });
    ids.add(id);
  }
}

function checkOwners(owners: ArrayLike<number>, memberCount: number): void {
  if (owners.length !== SLOT_COUNT) {
    throw new RingError("INVALID_ARGUMENT", `owners must have ${SLOT_COUNT} entries, not ${owners.length}.`, {
      field: "owners",
    });
  }
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const owner = owners[slot]!;
    if (Number.isInteger(owner) && owner >= 0 && owner < memberCount) continue;
    const field = `owners[${slot}]`;
    throw new RingError("INVALID_ARGUMENT", `${field} must be the index of a member, not ${owner}.`, {
      field,
    });
  }
}
