// Rings: which member owns a key.
export { HashRing, type HashRingOptions, type RingRange } from "./hash-ring.ts";
export type { RingMember, RingMemberInit } from "./ring-member.ts";
export { hashKey, type RingKey } from "./ring-key.ts";
export type { RingJson } from "./ring-json.ts";

// What a change of members moves.
export { diff, movedShare, type RingMove } from "./ring-diff.ts";

// Slots: 16384 equal parts of the hash space, for systems that move data.
export { positionOfSlot, SLOT_COUNT, slotOf } from "./slot.ts";
export { SlotTable, type SlotOwners, type SlotRange } from "./slot-table.ts";
export type { SlotTableJson } from "./slot-table-json.ts";
export { assignSlots, type SlotAssignmentOptions } from "./slot-assignment.ts";
export { diffSlots, type SlotMove } from "./slot-diff.ts";

// Errors and limits.
export { RingError, type RingErrorCode, type RingErrorOptions } from "./ring-error.ts";
export { DEFAULT_VIRTUAL_NODES, MAX_MEMBERS, MAX_NAME_LENGTH, MAX_POINTS } from "./limits.ts";
