/** The cluster map in the form of the API, with what this node knows of leaders and replicas. */
import { create } from "@bufbuild/protobuf";
import {
  NodeSchema,
  NodeState,
  type Replica,
  ReplicaRole,
  ReplicaSchema,
  type Shard,
  ShardSchema,
  SlotRangeSchema,
  type Topology,
  TopologySchema,
} from "@titan-kv/proto";
import type { ClusterMap, NodeRecord, ReplicaRecord, ShardRecord } from "../meta/cluster-map.ts";

/** What one node knows besides the map. */
export interface TopologyView {
  /** This node. */
  readonly node: number;
  readonly nowMs: number;
  leaderOf(shard: number): number;
  termOf(shard: number): number;
  isAlive(node: number): boolean;
}

const nodeStates: Readonly<Record<NodeRecord["state"], NodeState>> = {
  joining: NodeState.JOINING,
  active: NodeState.ACTIVE,
  draining: NodeState.DRAINING,
  leaving: NodeState.LEAVING,
  removed: NodeState.REMOVED,
};

function toReplica({ node, replica, role }: ReplicaRecord): Replica {
  return create(ReplicaSchema, {
    node,
    replica: BigInt(replica),
    role: role === "voter" ? ReplicaRole.VOTER : ReplicaRole.LEARNER,
  });
}

function toShard(shard: ShardRecord, view: TopologyView): Shard {
  return create(ShardSchema, {
    id: shard.id,
    slots: shard.slots.map((run) => create(SlotRangeSchema, run)),
    replicas: shard.replicas.map(toReplica),
    leader: view.leaderOf(shard.id),
    term: BigInt(view.termOf(shard.id)),
    preferredLeader: shard.preferredLeader,
  });
}

export function toTopology(map: ClusterMap, view: TopologyView): Topology {
  return create(TopologySchema, {
    clusterId: map.clusterId,
    epoch: BigInt(map.epoch),
    node: view.node,
    nowMs: BigInt(view.nowMs),
    nodes: map.nodes
      .filter(({ state }) => state !== "removed")
      .map(({ id, address, peerAddress, zone, weight, state, version }) => {
        const alive = id === view.node || view.isAlive(id);
        return create(NodeSchema, {
          id,
          address,
          peerAddress,
          zone,
          weight,
          state: nodeStates[state],
          alive,
          version,
        });
      }),
    shards: map.shards.map((shard) => toShard(shard, view)),
  });
}
