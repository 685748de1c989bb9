/** What a command does to the cluster map: a pure function, so that every node reaches the same map. */
import {
  type ClusterMap,
  emptyClusterMap,
  metaShard,
  nodeOf,
  type NodeRecord,
  replicaIdOf,
  type ReplicaRecord,
  type ShardRecord,
  shardOf,
} from "./cluster-map.ts";
import type { FoundCommand, MetaCommand, MetaRefusal, MetaResult, NodeDescription } from "./meta-command.ts";
import { decideRestore, type RestoreMetaCommand, restoresOf } from "./restore-record.ts";
import { hasReplicaOn, metaVoters, targetNodes, targetSlots } from "./placement.ts";

/** The map after a command, and its answer. */
export interface MetaOutcome {
  readonly map: ClusterMap;
  readonly result: MetaResult;
}

/** Generation of the replicas with which a cluster begins. */
const founderGeneration = 1;

export function applyMetaCommand(map: ClusterMap, command: MetaCommand): MetaOutcome {
  if (command.type === "found") return found(map, command);
  if (map.clusterId === "") return refuse(map, "NOT_FOUNDED", "the cluster has not been founded yet");
  switch (command.type) {
    case "introduce":
      return introduce(map, command);
    case "register":
      return register(map, command);
    case "setNodeState":
      return setNodeState(map, command);
    case "setReplicas":
      return setReplicas(map, command);
    case "reseedReplica":
      return reseedReplica(map, command);
    case "reportMembers":
      return changeShard(map, command.shard, { members: [...command.members] });
    case "setPreferredLeader":
      return changeShard(map, command.shard, { preferredLeader: command.node });
    case "replaceNode":
      return replaceNode(map, command);
    case "beginRestore":
    case "finishRestore":
    case "abandonRestore":
      return restore(map, command);
  }
}

function refuse(map: ClusterMap, refusal: MetaRefusal, message: string): MetaOutcome {
  return { map, result: { ok: false, refusal, message } };
}

function done(map: ClusterMap, change: Partial<ClusterMap>, result: MetaResult = { ok: true }): MetaOutcome {
  return { map: { ...map, ...change, version: map.version + 1 }, result };
}

function found(map: ClusterMap, command: FoundCommand): MetaOutcome {
  // Every founder proposes it; the first one wins and the others find it done.
  if (map.clusterId !== "") return { map, result: { ok: true } };
  const nodes = command.nodes.map((node): NodeRecord => ({ ...node, state: "active", token: "" }));
  const ids = nodes.map(({ id }) => id);
  const slots = targetSlots(ids);
  const empty = { ...emptyClusterMap, replicationFactor: command.replicationFactor, nodes };
  const shard = (id: number, holders: readonly number[], preferredLeader: number): ShardRecord => {
    const replicas = holders.map((node): ReplicaRecord => ({
      node,
      replica: replicaIdOf(node, founderGeneration),
      role: "voter",
    }));
    const founders = replicas.map(({ replica }) => replica).toSorted((a, b) => a - b);
    return { id, replicas, founders, members: founders, preferredLeader, slots: slots.get(id) ?? [] };
  };
  const dataShards = ids.map((id) => {
    // One shard for each node, led by it when it can be.
    const wanted = { id, replicas: [], founders: [], members: [], preferredLeader: id, slots: [] };
    return shard(id, targetNodes(empty, wanted), id);
  });
  return done(empty, {
    clusterId: command.clusterId,
    epoch: 1,
    nextNode: Math.max(...ids) + 1,
    nextReplicaGeneration: founderGeneration + 1,
    shards: [shard(metaShard, metaVoters(empty), 0), ...dataShards],
  });
}

function describe(node: NodeRecord, description: NodeDescription, token: string): NodeRecord {
  const { address, peerAddress, zone, weight, version } = description;
  return { ...node, address, peerAddress, zone, weight, version, token };
}

function withNode(map: ClusterMap, changed: NodeRecord): Pick<ClusterMap, "nodes"> {
  return { nodes: map.nodes.map((node) => (node.id === changed.id ? changed : node)) };
}

function introduce(map: ClusterMap, command: Extract<MetaCommand, { type: "introduce" }>): MetaOutcome {
  const node = nodeOf(map, command.node);
  if (node === undefined) return refuse(map, "UNKNOWN_NODE", `there is no node ${command.node}`);
  if (node.state === "removed") {
    return refuse(
      map,
      "NODE_REMOVED",
      `node ${node.id} was removed; join again under a new id with an empty directory`,
    );
  }
  if (node.token !== "" && node.token !== command.token) {
    return refuse(
      map,
      "TOKEN_MISMATCH",
      `node ${node.id} is another data directory; a node that lost its data must be removed and join again`,
    );
  }
  const described = describe(node, command.description, command.token);
  const changed: NodeRecord = { ...described, state: node.state === "joining" ? "active" : node.state };
  if (JSON.stringify(changed) === JSON.stringify(node)) return { map, result: { ok: true, node: node.id } };
  return done(map, withNode(map, changed), { ok: true, node: node.id });
}

function register(map: ClusterMap, command: Extract<MetaCommand, { type: "register" }>): MetaOutcome {
  const known = map.nodes.find(({ token }) => token === command.token);
  if (known !== undefined) {
    return known.state === "removed"
      ? refuse(
          map,
          "NODE_REMOVED",
          `this directory was node ${known.id}, which was removed; use an empty directory`,
        )
      : { map, result: { ok: true, node: known.id } };
  }
  const node: NodeRecord = {
    id: map.nextNode,
    ...command.description,
    state: "joining",
    token: command.token,
  };
  const learner: ReplicaRecord = {
    node: node.id,
    replica: replicaIdOf(node.id, map.nextReplicaGeneration),
    role: "learner",
  };
  // The new node follows the meta group at once: that is how it learns everything else.
  const shards = map.shards.map((shard) =>
    shard.id === metaShard ? { ...shard, replicas: [...shard.replicas, learner] } : shard,
  );
  return done(
    map,
    {
      nodes: [...map.nodes, node],
      nextNode: map.nextNode + 1,
      nextReplicaGeneration: map.nextReplicaGeneration + 1,
      shards,
    },
    { ok: true, node: node.id },
  );
}

function setNodeState(map: ClusterMap, command: Extract<MetaCommand, { type: "setNodeState" }>): MetaOutcome {
  const node = nodeOf(map, command.node);
  if (node === undefined) return refuse(map, "UNKNOWN_NODE", `there is no node ${command.node}`);
  if (node.state === command.state) return { map, result: { ok: true } };
  if (node.state === "removed")
    return refuse(map, "NODE_REMOVED", `node ${node.id} was removed and cannot come back`);
  if (command.state === "removed" && holdsReplicas(map, node.id)) {
    return refuse(map, "STILL_HOLDS_REPLICAS", `node ${node.id} still holds replicas`);
  }
  const others = map.nodes.filter(
    ({ id, state }) => id !== node.id && (state === "active" || state === "draining"),
  );
  if ((command.state === "leaving" || command.state === "removed") && others.length === 0) {
    return refuse(map, "LAST_NODE", `node ${node.id} is the last one: its data would be lost`);
  }
  const isUndo = command.state === "active" && node.state === "draining";
  const isForward = command.state !== "active" && command.state !== "joining";
  if (!isUndo && !isForward) {
    return refuse(
      map,
      "INVALID_STATE",
      `node ${node.id} is ${node.state} and cannot become ${command.state}`,
    );
  }
  return done(map, withNode(map, { ...node, state: command.state }));
}

/** Whether a node is, or is meant to be, in any group. */
export function holdsReplicas(map: ClusterMap, node: number): boolean {
  return map.shards.some((shard) => hasReplicaOn(shard, node));
}

function setReplicas(map: ClusterMap, command: Extract<MetaCommand, { type: "setReplicas" }>): MetaOutcome {
  if (command.version !== map.version) {
    return refuse(
      map,
      "STALE_VERSION",
      `the map has version ${map.version}, the change was made for ${command.version}`,
    );
  }
  const generations = command.replicas.map(({ node, replica }) => replica - replicaIdOf(node, 0));
  const nextReplicaGeneration = Math.max(
    map.nextReplicaGeneration,
    ...generations.map((generation) => generation + 1),
  );
  return changeShard({ ...map, nextReplicaGeneration }, command.shard, { replicas: [...command.replicas] });
}

/** A new id makes it a new replica: it begins empty, as a learner, and the old one is taken out of the group. */
function reseedReplica(
  map: ClusterMap,
  command: Extract<MetaCommand, { type: "reseedReplica" }>,
): MetaOutcome {
  const shard = shardOf(map, command.shard);
  if (shard === undefined) return refuse(map, "UNKNOWN_SHARD", `there is no shard ${command.shard}`);
  if (!shard.replicas.some(({ node }) => node === command.node)) {
    return refuse(map, "UNKNOWN_NODE", `node ${command.node} has no replica of shard ${command.shard}`);
  }
  const generation = map.nextReplicaGeneration;
  const replicas = shard.replicas.map((replica) =>
    replica.node === command.node ? { ...replica, replica: replicaIdOf(command.node, generation) } : replica,
  );
  return changeShard({ ...map, nextReplicaGeneration: generation + 1 }, shard.id, { replicas });
}

function restore(map: ClusterMap, command: RestoreMetaCommand): MetaOutcome {
  const before = restoresOf(map);
  const decision = decideRestore(before, command);
  if ("refusal" in decision) return refuse(map, decision.refusal, decision.message);
  const { record } = decision;
  const { begun: number, finished } = record;
  const result: MetaResult = { ok: true, restore: { number, finished } };
  return record === before ? { map, result } : done(map, { restores: record }, result);
}

function changeShard(map: ClusterMap, id: number, change: Partial<ShardRecord>): MetaOutcome {
  const shard = shardOf(map, id);
  if (shard === undefined) return refuse(map, "UNKNOWN_SHARD", `there is no shard ${id}`);
  const changed = { ...shard, ...change };
  if (JSON.stringify(changed) === JSON.stringify(shard)) return { map, result: { ok: true } };
  return done(map, { shards: map.shards.map((each) => (each.id === id ? changed : each)) });
}

function replaceNode(map: ClusterMap, command: Extract<MetaCommand, { type: "replaceNode" }>): MetaOutcome {
  const node = nodeOf(map, command.node);
  const replacement = nodeOf(map, command.replacement);
  if (node === undefined) return refuse(map, "UNKNOWN_NODE", `there is no node ${command.node}`);
  if (replacement === undefined)
    return refuse(map, "UNKNOWN_NODE", `there is no node ${command.replacement}`);
  if (node.state === "removed") return refuse(map, "NODE_REMOVED", `node ${node.id} was removed already`);
  if (replacement.state !== "active" || node.id === replacement.id) {
    return refuse(
      map,
      "INVALID_STATE",
      `node ${replacement.id} is ${replacement.state}: it cannot replace node ${node.id}`,
    );
  }
  const shards = map.shards.map((shard) =>
    shard.preferredLeader === node.id ? { ...shard, preferredLeader: replacement.id } : shard,
  );
  return done(map, { ...withNode(map, { ...node, state: "leaving" }), shards });
}
