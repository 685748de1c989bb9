/** Changes of who is in the cluster and who leads, as an operator makes them, under load. */
import type { FaultCluster, NodeHandle } from "../cluster/fault-cluster.ts";
import type { Random } from "../random.ts";
import { alwaysPossible, type FaultKind, type PlannedFault } from "./fault.ts";
import { awaitMembers, awaitRemoval, changeLimitMs } from "./membership-progress.ts";

/** Nodes that may come to the founders at most, so that a small machine can carry the cluster. */
const maxExtraNodes = 2;

export type MembershipChange = "join" | "remove" | "replace" | "drain" | "transfer";

export const membershipChanges: readonly MembershipChange[] = [
  "join",
  "remove",
  "replace",
  "drain",
  "transfer",
];

/** Nodes that were let in, and were not told to leave. */
function staying(cluster: FaultCluster): NodeHandle[] {
  return cluster.members.filter(({ id, isLeaving }) => id > 0 && !isLeaving);
}

/** Resolves when the newcomer votes in every shard that it was given. */
async function join(cluster: FaultCluster): Promise<void> {
  const { id } = await cluster.join();
  await awaitMembers(cluster, { limitMs: changeLimitMs, node: id });
}

async function leave(cluster: FaultCluster, handle: NodeHandle, call: () => Promise<unknown>): Promise<void> {
  // It ends by itself when it is told; it must not count as one that crashed.
  handle.isLeaving = true;
  handle.mayEnd = true;
  try {
    await call();
  } catch (error) {
    // A call that was not answered may have been heard all the same; one that was refused was not, unless it is too late.
    const refusal = String(error);
    handle.isLeaving = !refusal.includes("OUTCOME_NOT_APPLIED") || refusal.includes("NODE_REMOVED");
    handle.mayEnd = handle.isLeaving;
    throw error;
  }
  await awaitRemoval(cluster, handle, changeLimitMs);
}

async function remove(cluster: FaultCluster, handle: NodeHandle): Promise<void> {
  await leave(cluster, handle, () => cluster.api.call("Remove", { node: handle.id }));
}

async function replace(cluster: FaultCluster, handle: NodeHandle): Promise<void> {
  const replacement = await cluster.join();
  await leave(cluster, handle, () =>
    cluster.api.call("Replace", { node: handle.id, replacement: replacement.id }),
  );
}

async function transfer(cluster: FaultCluster, random: Random): Promise<void> {
  const { shards } = await cluster.api.topology();
  const { id: shard = 0, replicas } = random.pick(shards);
  const voters = replicas.filter(({ role }) => role === "REPLICA_ROLE_VOTER");
  await cluster.api.call("TransferLeader", { shard, toNode: random.pick(voters).node });
}

/** Makes one change; the random numbers decide who is meant. */
export async function change(
  cluster: FaultCluster,
  kind: MembershipChange,
  fields: { readonly random: Random; readonly founders: number },
): Promise<void> {
  const { random, founders } = fields;
  const members = staying(cluster);
  const count = members.length;
  const someone = random.pick(members);
  switch (kind) {
    case "join":
      if (count < founders + maxExtraNodes) await join(cluster);
      else await remove(cluster, someone);
      return;
    case "remove":
      // As many as the founders stay: one comes first.
      if (count <= founders) await join(cluster);
      return remove(cluster, someone);
    case "replace":
      return replace(cluster, someone);
    case "drain":
      await cluster.api.call("Drain", { node: someone.id });
      return;
    case "transfer":
      return transfer(cluster, random);
  }
}

export const membership: FaultKind = {
  name: "membership",
  lane: "membership",
  impossible: alwaysPossible,
  plan(random, nodes): PlannedFault {
    const kind = random.pick(membershipChanges);
    return {
      words: kind,
      begin: (cluster) => change(cluster, kind, { random, founders: nodes }),
      async end(cluster) {
        if (kind !== "drain") return;
        for (const { id } of staying(cluster)) await cluster.api.call("Drain", { node: id, undo: true });
      },
    };
  },
};
