/**
 * What the leader of the meta group proposes next so that placement follows the nodes. One step at a time: each step is
 * committed and seen by everybody before the next one is worked out, so a leader that fails halfway leaves nothing that
 * its successor does not understand.
 */
import { holdsReplicas } from "./apply-meta-command.ts";
import {
  type ClusterMap,
  metaShard,
  replicaIdOf,
  type ReplicaRecord,
  type ShardRecord,
} from "./cluster-map.ts";
import type { MetaCommand } from "./meta-command.ts";
import { metaVoters, targetNodes } from "./placement.ts";

/** The next command, or `undefined` when everything is where it should be. */
export function nextPlacementStep(map: ClusterMap): MetaCommand | undefined {
  if (map.clusterId === "") return undefined;
  for (const shard of map.shards) {
    const replicas = wantedReplicas(map, shard);
    if (!isSame(replicas, shard.replicas)) {
      return { type: "setReplicas", version: map.version, shard: shard.id, replicas };
    }
  }
  const gone = map.nodes.find(({ id, state }) => state === "leaving" && !holdsReplicas(map, id));
  return gone === undefined ? undefined : { type: "setNodeState", node: gone.id, state: "removed" };
}

/** Keeps the replicas that can stay and gives new ones a new id. */
function wantedReplicas(map: ClusterMap, shard: ShardRecord): ReplicaRecord[] {
  const nodes = targetNodes(map, shard);
  const voters = new Set(shard.id === metaShard ? metaVoters(map) : nodes);
  return nodes.map((node): ReplicaRecord => {
    const role = voters.has(node) ? "voter" : "learner";
    const existing = shard.replicas.find((replica) => replica.node === node);
    return existing === undefined
      ? { node, replica: replicaIdOf(node, map.nextReplicaGeneration), role }
      : { ...existing, role };
  });
}

function isSame(a: readonly ReplicaRecord[], b: readonly ReplicaRecord[]): boolean {
  return canonical(a) === canonical(b);
}

function canonical(replicas: readonly ReplicaRecord[]): string {
  return JSON.stringify(replicas.toSorted((x, y) => x.replica - y.replica));
}
