/** Changes of who is in the cluster and who leads, as an operator makes them, under load. */
import type { FaultCluster, NodeHandle } from "../cluster/fault-cluster.ts";
import type { Random } from "../random.ts";
import { alwaysPossible, type FaultKind, type PlannedFault } from "./fault.ts";

/** Nodes that may come to the founders at most, so that a small machine can carry the cluster. */
const maxExtraNodes = 2;
/** How long a change of members may take before the next thing is done, in milliseconds. */
const changeLimitMs = 30_000;

export type MembershipChange = "join" | "remove" | "replace" | "drain" | "transfer";

export const membershipChanges: readonly MembershipChange[] = [
  "join",
  "remove",
  "replace",
  "drain",
  "transfer",
];

/** Waits until the cluster's map no longer knows a node, and ends its process. */
async function awaitRemoval(cluster: FaultCluster, handle: NodeHandle): Promise<void> {
  // It ends by itself when it is told; it must not count as one that crashed.
  handle.mayEnd = true;
  const deadline = performance.now() + changeLimitMs;
  for (;;) {
    const topology = await cluster.api.topology().catch(() => undefined);
    if (topology !== undefined && !topology.nodes.some(({ id }) => id === handle.id)) break;
    if (performance.now() > deadline) throw new Error(`node ${handle.label} is still leaving`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  handle.isWanted = false;
  await cluster.kill(handle.label);
}

/** Waits until a node holds what it was chosen to hold as a voter. */
async function awaitVoter(cluster: FaultCluster, node: number): Promise<void> {
  const deadline = performance.now() + changeLimitMs;
  while (performance.now() < deadline) {
    const topology = await cluster.api.topology().catch(() => undefined);
    const replicas = (topology?.shards ?? []).flatMap((shard) => shard.replicas);
    const own = replicas.filter((replica) => replica.node === node);
    if (own.length > 0 && own.every(({ role }) => role === "REPLICA_ROLE_VOTER")) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function join(cluster: FaultCluster): Promise<NodeHandle> {
  const handle = await cluster.join();
  await awaitVoter(cluster, handle.id);
  return handle;
}

async function remove(cluster: FaultCluster, handle: NodeHandle): Promise<void> {
  await cluster.api.call("Remove", { node: handle.id });
  await awaitRemoval(cluster, handle);
}

async function replace(cluster: FaultCluster, handle: NodeHandle): Promise<void> {
  const replacement = await cluster.join();
  await cluster.api.call("Replace", { node: handle.id, replacement: replacement.id });
  await awaitRemoval(cluster, handle);
}

async function transfer(cluster: FaultCluster, random: Random): Promise<void> {
  const { shards } = await cluster.api.topology();
  const { id: shard = 0, replicas } = random.pick(shards);
  await cluster.api.call("TransferLeader", { shard, toNode: random.pick(replicas).node });
}

/** Makes one change; the random numbers decide who is meant. */
export async function change(
  cluster: FaultCluster,
  kind: MembershipChange,
  fields: { readonly random: Random; readonly founders: number },
): Promise<void> {
  const { random, founders } = fields;
  // Nodes that were never let in are none of the cluster's.
  const members = cluster.members.filter(({ id }) => id > 0);
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
        const members = cluster.members.filter(({ id }) => id > 0);
        for (const { id } of members) await cluster.api.call("Drain", { node: id, undo: true });
      },
    };
  },
};
