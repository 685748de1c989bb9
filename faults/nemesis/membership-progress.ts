/** How far changes of members have come: what to wait for during a round, and what must be over after it. */
import type { TopologyView } from "../cluster/cluster-api.ts";
import type { FaultCluster, NodeHandle } from "../cluster/fault-cluster.ts";

/** How long a change of members may take before the next thing is done, in milliseconds. */
export const changeLimitMs = 30_000;
/** Placement that has not changed for so long, ten times the interval in which it is worked out, is final, in milliseconds. */
const restMs = 1000;
const pollMs = 100;

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pollMs));
}

/** Waits until the cluster's map no longer knows a node, and ends its process. @throws when the limit has passed. */
export async function awaitRemoval(
  cluster: FaultCluster,
  handle: NodeHandle,
  limitMs: number,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const topology = await cluster.api.topology().catch(() => undefined);
    if (topology !== undefined && !topology.nodes.some(({ id }) => id === handle.id)) break;
    if (performance.now() > deadline) throw new Error(`node ${handle.label} is still leaving`);
    await pause();
  }
  handle.isWanted = false;
  await cluster.kill(handle.label);
}

/** Who is in the cluster and where replicas should be. */
function placementOf({ nodes, shards }: TopologyView): string {
  return JSON.stringify([
    nodes.map(({ id, state }) => [id, state]),
    shards.map(({ id, replicas }) => [id, replicas.map(({ node }) => node)]),
  ]);
}

/** The replicas of data shards that do not vote yet, by what the leaders of the shards say; all nodes', or one node's. */
function waiting({ shards }: TopologyView, node: number | undefined): string[] {
  return shards.flatMap(({ id = 0, replicas }) => {
    const late = replicas.filter((replica) => {
      const isMeant = id !== 0 && (node === undefined || replica.node === node);
      // Without an index it is not the leader that speaks, but the map: of what should be.
      return isMeant && (replica.role !== "REPLICA_ROLE_VOTER" || replica.matchIndex === undefined);
    });
    return late.map((replica) => `node ${replica.node} in shard ${id}`);
  });
}

/**
 * Waits until nodes are what they joined to be: active, and voters of every data shard that placement gives them. A node to
 * which placement gives nothing has nothing to wait for. @throws when the limit has passed.
 */
export async function awaitMembers(
  cluster: FaultCluster,
  fields: { readonly limitMs: number; readonly node?: number },
): Promise<void> {
  const { limitMs, node } = fields;
  const deadline = performance.now() + limitMs;
  let placement = "";
  let restingSinceMs = performance.now();
  for (;;) {
    const status = await cluster.api.status().catch(() => undefined);
    const nowMs = performance.now();
    const seen = status === undefined ? "" : placementOf(status);
    if (seen !== placement) restingSinceMs = nowMs;
    placement = seen;
    const meant = (status?.nodes ?? []).filter(({ id }) => node === undefined || id === node);
    const isActive = meant.length > 0 && meant.every(({ state }) => state === "NODE_STATE_ACTIVE");
    const late = status === undefined ? ["no node answers"] : waiting(status, node);
    if (isActive && late.length === 0 && nowMs - restingSinceMs >= restMs) return;
    if (nowMs > deadline) {
      const states = meant.map(({ id, state }) => `node ${id} is ${state}`);
      throw new Error(
        `members are not as they should be: ${states.join(", ")}; not voting: ${late.join(", ")}`,
      );
    }
    await pause();
  }
}

/** Once all nodes run and reach each other, every change that was begun must come to its end. @throws when one does not. */
export async function finishChanges(cluster: FaultCluster, limitMs: number): Promise<void> {
  for (const handle of cluster.members) {
    if (handle.isLeaving) await awaitRemoval(cluster, handle, limitMs);
  }
  for (const { id, state } of (await cluster.api.topology()).nodes) {
    if (state === "NODE_STATE_DRAINING") await cluster.api.call("Drain", { node: id, undo: true });
  }
  await awaitMembers(cluster, { limitMs });
}
