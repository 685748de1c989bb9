import { arrayAt, checkConstant, integerAt, malformed, objectWith } from "./json-input.ts";
import { SLOT_COUNT } from "./slot.ts";
import type { SlotOwners, SlotRange } from "./slot-table.ts";

/** Version of a slot table's JSON. */
export const SLOT_TABLE_JSON_VERSION = 1;

/** A slot table as a plain value. */
export interface SlotTableJson {
  readonly version: typeof SLOT_TABLE_JSON_VERSION;
  readonly slotCount: typeof SLOT_COUNT;
  /** Ids by code point; each owns at least one slot. */
  readonly members: readonly string[];
  /** Runs of slots from slot 0 on: `[index into members, number of slots]`. The numbers of slots add up to 16384. */
  readonly runs: readonly (readonly [memberIndex: number, slots: number])[];
}

/** Writes a table. */
export function slotTableToJson(table: {
  readonly members: readonly string[];
  ranges(): readonly SlotRange[];
}): SlotTableJson {
  const indexes = new Map(table.members.map((id, index) => [id, index]));
  return {
    version: SLOT_TABLE_JSON_VERSION,
    slotCount: SLOT_COUNT,
    members: table.members,
    runs: table.ranges().map(({ first, last, id }) => [indexes.get(id)!, last - first + 1] as const),
  };
}

/**
 * Reads a table's shape. What a table's constructor checks (the ids) is left to it.
 * @throws RingError `MALFORMED`.
 */
export function parseSlotTable(value: unknown): SlotOwners {
  const table = objectWith(value, "table", { required: ["version", "slotCount", "members", "runs"] });
  checkConstant(table["version"], "table.version", SLOT_TABLE_JSON_VERSION);
  checkConstant(table["slotCount"], "table.slotCount", SLOT_COUNT);
  const members = arrayAt(table["members"], "table.members").map((id, index) => {
    if (typeof id !== "string") throw malformed(`table.members[${index}]`, "must be a string");
    return id;
  });
  if (members.length < 1 || members.length > SLOT_COUNT) {
    throw malformed("table.members", `must hold 1 to ${SLOT_COUNT} ids`);
  }
  return { members, owners: parseRuns(table["runs"], members.length) };
}

function parseRuns(value: unknown, memberCount: number): Uint16Array {
  const owners = new Uint16Array(SLOT_COUNT);
  let filled = 0;
  for (const [index, run] of arrayAt(value, "table.runs").entries()) {
    const field = `table.runs[${index}]`;
    if (filled === SLOT_COUNT) throw malformed(field, `begins after slot ${SLOT_COUNT - 1}`);
    const pair = arrayAt(run, field);
    if (pair.length !== 2) throw malformed(field, "must be a pair of member index and number of slots");
    const owner = integerAt(pair[0], `${field}[0]`, { min: 0, max: memberCount - 1 });
    const slots = integerAt(pair[1], `${field}[1]`, { min: 1, max: SLOT_COUNT - filled });
    owners.fill(owner, filled, filled + slots);
    filled += slots;
  }
  if (filled !== SLOT_COUNT) throw malformed("table.runs", `cover ${filled} of ${SLOT_COUNT} slots`);
  return owners;
}
