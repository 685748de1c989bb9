/**
 * The cluster map: what all nodes agree on about each other. A plain value that the meta group's log changes; every node
 * holds a copy and acts on it. It is small (it grows with nodes and shards, not with keys) and off the hot path.
 */
import type { SlotRun } from "../shard/command.ts";
import type { RestoreRecord } from "./restore-record.ts";

/** What a node is to the cluster. */
export type NodeState = "joining" | "active" | "draining" | "leaving" | "removed";

/** A node, as the cluster knows it. */
export interface NodeRecord {
  /** Given once, never used again. */
  readonly id: number;
  /** `host:port` for clients. */
  readonly address: string;
  /** `host:port` for other nodes. */
  readonly peerAddress: string;
  readonly zone: string;
  readonly weight: number;
  readonly state: NodeState;
  /**
   * The secret of the node's data directory, empty until it is known. A process that claims the id with another one has
   * lost its data, and with it the votes it once gave: it must not take part.
   */
  readonly token: string;
  /** The release that it runs. */
  readonly version: string;
}

/** What a replica is meant to be. */
export type ReplicaRole = "voter" | "learner";

/** A shard's copy on a node, as it should be. */
export interface ReplicaRecord {
  readonly node: number;
  /** Id within the Raft group; see `replicaIdOf`. */
  readonly replica: number;
  readonly role: ReplicaRole;
}

/** A Raft group. Shard 0 is the meta group itself. */
export interface ShardRecord {
  readonly id: number;
  /** The replicas that it should have. Its leader changes the group's configuration until it has them. */
  readonly replicas: readonly ReplicaRecord[];
  /** Replica ids in the group's own configuration, as its leader reported last. */
  readonly members: readonly number[];
  /** The configuration with which the group began; a replica that starts empty and is not in it waits to be told. */
  readonly founders: readonly number[];
  /** The node that should lead it when it can; 0 means any. */
  readonly preferredLeader: number;
  /** What it owns, ascending. */
  readonly slots: readonly SlotRun[];
}

/** Everything the cluster agrees on. */
export interface ClusterMap {
  /** Empty until the cluster is founded. */
  readonly clusterId: string;
  /** Version of the slot table. */
  readonly epoch: number;
  /** Counts every change of the map; a proposal that was made for another version is refused. */
  readonly version: number;
  readonly replicationFactor: number;
  /** The next id to give to a node. */
  readonly nextNode: number;
  readonly nodes: readonly NodeRecord[];
  readonly shards: readonly ShardRecord[];
  /** Generation of the next replica id; see `replicaIdOf`. */
  readonly nextReplicaGeneration: number;
  /** Restores from snapshots; absent until there is one. See `restoresOf`. */
  readonly restores?: RestoreRecord;
}

/** The id of the meta group among the shards. */
export const metaShard = 0;

export const emptyClusterMap: ClusterMap = {
  clusterId: "",
  epoch: 0,
  version: 0,
  replicationFactor: 3,
  nextNode: 1,
  nodes: [],
  shards: [],
  nextReplicaGeneration: 1,
};

/** Replica ids below this range belong to node 0, which does not exist. */
const generationRange = 2 ** 24;

/**
 * The id of a replica within its group: node and generation in one number, so that an id says where its replica is, and a
 * node that loses a replica and gets a new one of the same shard gets it under a new id. A replica that comes back empty
 * under its old id could vote twice in one term.
 */
export function replicaIdOf(node: number, generation: number): number {
  return node * generationRange + generation;
}

/** The node on which a replica is. */
export function nodeOfReplica(replica: number): number {
  return Math.floor(replica / generationRange);
}

export function nodeOf(map: ClusterMap, id: number): NodeRecord | undefined {
  return map.nodes.find((node) => node.id === id);
}

export function shardOf(map: ClusterMap, id: number): ShardRecord | undefined {
  return map.shards.find((shard) => shard.id === id);
}

/** Whether a node may hold replicas that are being placed now. */
export function takesReplicas(node: NodeRecord): boolean {
  return node.state === "active" || node.state === "draining";
}
