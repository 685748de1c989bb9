import { SLOT_COUNT } from "@titan-kv/ring";
import type { SlotRun } from "./command.ts";

/** What a shard may do with a slot. */
export const SlotState = {
  /** Another shard's business. */
  NotOwned: 0,
  /** Serves reads and writes. */
  Owned: 1,
  /** On its way out: refuses both. */
  Frozen: 2,
} as const;
export type SlotState = (typeof SlotState)[keyof typeof SlotState];

/**
 * The slots that a shard owns, as its own log says. Routing may be out of date anywhere else: an operation takes effect only
 * if the shard owns the key's slot at the moment it applies it.
 */
export class SlotOwnership {
  readonly #states = new Uint8Array(SLOT_COUNT);
  #epoch = 0;

  /** The version of the slot table that the shard last heard of. */
  get epoch(): number {
    return this.#epoch;
  }

  stateOf(slot: number): SlotState {
    return this.#states[slot]! as SlotState;
  }

  /** Takes over the runs, unless the shard already knows a newer table. Returns whether anything changed. */
  own(epoch: number, runs: readonly SlotRun[]): boolean {
    if (epoch <= this.#epoch) return false;
    this.#epoch = epoch;
    this.#states.fill(SlotState.NotOwned);
    for (const { first, last } of runs) this.#states.fill(SlotState.Owned, first, last + 1);
    return true;
  }

  /** The owned slots as runs, ascending. */
  runs(): SlotRun[] {
    const runs: SlotRun[] = [];
    let first = -1;
    for (let slot = 0; slot <= SLOT_COUNT; slot += 1) {
      const owned = slot < SLOT_COUNT && this.#states[slot] === SlotState.Owned;
      if (owned && first < 0) first = slot;
      if (!owned && first >= 0) {
        runs.push({ first, last: slot - 1 });
        first = -1;
      }
    }
    return runs;
  }
}
