import { SLOT_COUNT } from "./slot.ts";
import type { SlotTable } from "./slot-table.ts";

/** Slots that change from one owner to another. */
export interface SlotMove {
  /** Id of the owner before. */
  readonly from: string;
  /** Id of the owner after. */
  readonly to: string;
  /** The slots, ascending. */
  readonly slots: readonly number[];
}

/**
 * Which slots move from whom to whom, one move for each pair of members, in the order of the first slot of each.
 * `from.apply(diffSlots(from, to))` equals `to`.
 */
export function diffSlots(from: SlotTable, to: SlotTable): SlotMove[] {
  const oldOwners = from.owners();
  const newOwners = to.owners();
  const moves = new Map<number, { from: string; to: string; slots: number[] }>();
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const oldIndex = oldOwners[slot]!;
    const newIndex = newOwners[slot]!;
    const [oldId, newId] = [from.members[oldIndex]!, to.members[newIndex]!];
    if (oldId === newId) continue;
    const pair = oldIndex * to.members.length + newIndex;
    const move = moves.get(pair);
    if (move === undefined) moves.set(pair, { from: oldId, to: newId, slots: [slot] });
    else move.slots.push(slot);
  }
  return [...moves.values()];
}
