/** Which shard a key belongs to. Slots do not move in a round, so it is asked once. */
import { SLOT_COUNT, slotOf } from "@titan-kv/ring";
import type { TopologyView } from "../cluster/cluster-api.ts";

export class ShardSlots {
  /** The shards that own slots, ascending. */
  readonly shards: readonly number[];
  readonly #owners = new Uint16Array(SLOT_COUNT);

  constructor(topology: Pick<TopologyView, "shards">) {
    const owning = topology.shards.filter(({ slots = [] }) => slots.length > 0);
    this.shards = owning.map(({ id = 0 }) => id).toSorted((left, right) => left - right);
    for (const { id = 0, slots = [] } of owning) {
      for (const { first = 0, last = 0 } of slots) this.#owners.fill(id, first, last + 1);
    }
  }

  shardOf(key: string): number {
    return this.#owners[slotOf(key)]!;
  }
}
