/**
 * From a ring to a slot table, with consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018) as an
 * option.
 *
 * A ring's shares are uneven: with 150 virtual nodes the fullest of ten members owns about an eighth more than the
 * mean, and capacity has to be bought for the fullest. A cap on slots per member takes the excess away and hands it on
 * clockwise, at the price that a change of members then also moves a few slots between old members.
 */

import type { HashRing } from "./hash-ring.ts";
import { RingError } from "./ring-error.ts";
import { positionOfSlot, SLOT_COUNT } from "./slot.ts";
import { SlotTable } from "./slot-table.ts";

/** Options of {@link assignSlots}. */
export interface SlotAssignmentOptions {
  /**
   * Most slots of one member, as a multiple of its fair share (its weight's share of 16384), rounded up to a whole
   * slot. At least 1; 1.05 to 1.25 are sensible. Default: no cap, the ring's shares as they are.
   */
  readonly maxLoad?: number | undefined;
}

/**
 * The slot table that a ring asks for: each slot goes to the owner of the middle of its range. With a cap, a member
 * keeps the first slots it owns on the ring, as many as the cap allows; then the slots left over go, in ascending order,
 * to the first member clockwise that has room. A member below its cap keeps every slot that the ring gives it. The
 * result depends on the ring and the cap alone.
 * @throws RingError `INVALID_ARGUMENT` when `maxLoad` is below 1 or not finite.
 */
export function assignSlots(ring: HashRing, options: SlotAssignmentOptions = {}): SlotTable {
  const members = ring.members.map((member) => member.id);
  const indexOf = new Map(members.map((id, index) => [id, index]));
  const room = slotCaps(ring, options.maxLoad);
  const owners = new Uint16Array(SLOT_COUNT);
  const leftOver: number[] = [];
  const give = (slot: number, index: number): boolean => {
    const left = room[index]!;
    if (left === 0) return false;
    room[index] = left - 1;
    owners[slot] = index;
    return true;
  };
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const owner = indexOf.get(ring.getNodeAt(positionOfSlot(slot)))!;
    if (!give(slot, owner)) leftOver.push(slot);
  }
  for (const slot of leftOver) {
    // Someone has room: each cap is a fair share rounded up, so the caps add up to at least the number of slots.
    for (const id of ring.walkFrom(positionOfSlot(slot))) {
      if (give(slot, indexOf.get(id)!)) break;
    }
  }
  return new SlotTable({ members, owners });
}

/** Most slots of each member, in the ring's order. */
function slotCaps(ring: HashRing, maxLoad: number | undefined): Uint16Array {
  if (maxLoad === undefined) return new Uint16Array(ring.size).fill(SLOT_COUNT);
  if (!Number.isFinite(maxLoad) || maxLoad < 1) {
    throw new RingError(
      "INVALID_ARGUMENT",
      `maxLoad must be a finite number of at least 1, not ${maxLoad}.`,
      {
        field: "maxLoad",
      },
    );
  }
  const totalWeight = ring.members.reduce((total, member) => total + member.weight, 0);
  return Uint16Array.from(ring.members, ({ weight }) =>
    Math.min(SLOT_COUNT, Math.ceil((maxLoad * SLOT_COUNT * weight) / totalWeight)),
  );
}
