/** Who should lead a shard, as its present leader sees it. */
import type { ProgressStatus } from "@titan-kv/raft";
import { type ClusterMap, nodeOf, nodeOfReplica, type ShardRecord } from "../meta/cluster-map.ts";

/** A follower this close to the end of the log takes over without a noticeable pause. */
const closeEntries = 100;

function mayLead(map: ClusterMap, node: number): boolean {
  return nodeOf(map, node)?.state === "active";
}

/**
 * The replica that leadership should go to, or `undefined` when it should stay: the preferred node's when it is fit to
 * lead; any fit one when the present leader's node is being drained or taken out.
 */
export function betterLeader(
  map: ClusterMap,
  shard: ShardRecord,
  leader: {
    readonly replica: number;
    readonly lastIndex: number;
    readonly progress: readonly ProgressStatus[];
  },
): number | undefined {
  const node = nodeOfReplica(leader.replica);
  if (node === shard.preferredLeader && mayLead(map, node)) return undefined;
  const fit = leader.progress
    .filter(({ replica, learner, recentActive, match }) => {
      return (
        replica !== leader.replica &&
        !learner &&
        recentActive &&
        match + closeEntries >= leader.lastIndex &&
        mayLead(map, nodeOfReplica(replica))
      );
    })
    .toSorted((a, b) => b.match - a.match);
  const preferred = fit.find(({ replica }) => nodeOfReplica(replica) === shard.preferredLeader);
  if (preferred !== undefined) return preferred.replica;
  return mayLead(map, node) ? undefined : fit[0]?.replica;
}
