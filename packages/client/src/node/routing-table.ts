/** What a client knows of the cluster at one moment. */
import type { Topology } from "@titan-kv/proto";
import { SLOT_COUNT } from "@titan-kv/ring";

/** Who leads a shard, and since which term. */
export interface ShardLeader {
  /** 0 when nobody is known to. */
  readonly node: number;
  readonly term: number;
}

const noLeader: ShardLeader = { node: 0, term: 0 };

export class RoutingTable {
  readonly clusterId: string;
  /** Version of the slot table. */
  readonly epoch: number;
  /** The shard of each slot; 0 for none. */
  readonly #slotOwners: Uint32Array;
  readonly #addresses: Map<number, string>;
  readonly #replicas: ReadonlyMap<number, readonly number[]>;
  /** With the addresses, what changes between two tables, as answers tell of new leaders. */
  readonly #leaders: Map<number, ShardLeader>;

  constructor(topology: Topology) {
    this.clusterId = topology.clusterId;
    this.epoch = Number(topology.epoch);
    this.#addresses = new Map(
      topology.nodes.filter(({ address }) => address !== "").map(({ id, address }) => [id, address]),
    );
    this.#slotOwners = new Uint32Array(SLOT_COUNT);
    for (const { id, slots } of topology.shards) {
      for (const { first, last } of slots)
        this.#slotOwners.fill(id, first, Math.min(last, SLOT_COUNT - 1) + 1);
    }
    const serving = topology.shards.map(({ id, replicas }) => {
      return [id, replicas.filter(({ fenced }) => !fenced).map(({ node }) => node)] as const;
    });
    this.#replicas = new Map(serving);
    this.#leaders = new Map(
      topology.shards.map(({ id, leader, term }) => [id, { node: leader, term: Number(term) }]),
    );
  }

  /** Shards that own slots. */
  get shards(): number {
    return new Set(this.#slotOwners).size - (this.#slotOwners.includes(0) ? 1 : 0);
  }

  /** Addresses of the nodes. */
  get addresses(): Iterable<string> {
    return this.#addresses.values();
  }

  get nodes(): number {
    return this.#addresses.size;
  }

  /** The shard that owns a slot; 0 when none does. */
  shardOf(slot: number): number {
    return this.#slotOwners[slot] ?? 0;
  }

  addressOf(node: number): string | undefined {
    return this.#addresses.get(node);
  }

  /** Nodes with a replica of the shard that serves. */
  replicasOf(shard: number): readonly number[] {
    return this.#replicas.get(shard) ?? [];
  }

  leaderOf(shard: number): ShardLeader {
    return this.#leaders.get(shard) ?? noLeader;
  }

  /** Takes note of a node that this table does not know yet. */
  learnAddress(node: number, address: string): void {
    if (!this.#addresses.has(node)) this.#addresses.set(node, address);
  }

  /** Takes note of a leader. One of an older term is not believed. */
  learnLeader(shard: number, leader: ShardLeader): void {
    if (leader.term >= this.leaderOf(shard).term) this.#leaders.set(shard, leader);
  }
}
