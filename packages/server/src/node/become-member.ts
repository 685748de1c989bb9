/** Finds out which node a directory is, or makes it one: by founding a cluster, or by joining one. */
import type { Logger } from "pino";
import { metaShard, replicaIdOf } from "../meta/cluster-map.ts";
import type { FoundCommand } from "../meta/meta-command.ts";
import { metaVotersAmong } from "../meta/placement.ts";
import { joinCluster } from "./join-cluster.ts";
import { IdentityError, type NodeIdentity, saveIdentity } from "./node-identity.ts";
import type { NodeSettings } from "./node-settings.ts";
import { version } from "./version.ts";

/** Founders begin with the replicas of this generation; see `replicaIdOf`. */
const founderGeneration = 1;

/** @throws IdentityError when the directory belongs to another node or cluster; JoinError. */
export async function becomeMember(
  settings: NodeSettings,
  opened: NodeIdentity,
  ownAddress: string,
  logger: Logger,
): Promise<NodeIdentity> {
  const { membership, clusterId, directory } = settings;
  if (opened.node !== 0) return checkIdentity(settings, opened);
  if (membership.type === "restart") {
    throw new IdentityError(
      `${directory} holds no node yet: give cluster.initialNodes and node.id to found a cluster, or cluster.join to join one`,
    );
  }
  const identity =
    membership.type === "found"
      ? {
          ...opened,
          node: membership.node,
          clusterId,
          metaReplica: replicaIdOf(membership.node, founderGeneration),
        }
      : await join(settings, opened, membership.seeds, { ownAddress, logger });
  await saveIdentity(directory, identity);
  return identity;
}

function checkIdentity(settings: NodeSettings, identity: NodeIdentity): NodeIdentity {
  const { membership, clusterId, directory } = settings;
  if (clusterId !== "" && clusterId !== identity.clusterId) {
    throw new IdentityError(`${directory} belongs to cluster ${identity.clusterId}, not ${clusterId}`);
  }
  if (membership.type === "found" && membership.node !== identity.node) {
    throw new IdentityError(`${directory} belongs to node ${identity.node}, not ${membership.node}`);
  }
  return identity;
}

async function join(
  settings: NodeSettings,
  opened: NodeIdentity,
  seeds: readonly string[],
  fields: { readonly ownAddress: string; readonly logger: Logger },
): Promise<NodeIdentity> {
  const { clusterId, zone, weight, peer } = settings;
  const peerAddress = peer.advertised ?? `${peer.host}:${peer.port}`;
  const { token } = opened;
  const description = { clusterId, token, address: fields.ownAddress, peerAddress, zone, weight, version };
  const { node, topology } = await joinCluster(seeds, description, fields.logger);
  const meta = topology?.shards.find(({ id }) => id === metaShard);
  const replica = meta?.replicas.find((each) => each.node === node)?.replica;
  if (topology === undefined || replica === undefined) {
    throw new IdentityError("the cluster let this node join without telling its place in the meta group");
  }
  const peers = topology.nodes
    .filter(({ id }) => id !== node)
    .map(({ id, peerAddress: address }) => ({ node: id, address }));
  return { ...opened, node, clusterId: topology.clusterId, metaReplica: Number(replica), peers };
}

/** The nodes that found the cluster together; empty on a node that joins. */
export function founderIds({ membership }: NodeSettings): number[] {
  return membership.type === "found" ? membership.founders.map(({ node }) => node) : [];
}

/** Replica ids with which the meta group begins; empty on a node that joins. */
export function metaFounders(settings: NodeSettings): number[] {
  return metaVotersAmong(founderIds(settings)).map((node) => replicaIdOf(node, founderGeneration));
}

/** Where to find others before the cluster map is known. */
export function firstPeers({ membership }: NodeSettings, identity: NodeIdentity): NodeIdentity["peers"] {
  if (membership.type !== "found") return identity.peers;
  const founders = membership.founders.map(({ node, peerAddress }) => ({ node, address: peerAddress }));
  return founders.filter(({ node }) => node !== identity.node);
}

/** What a founder proposes as the first command of the cluster. */
export function foundCommand(settings: NodeSettings, clusterId: string): FoundCommand | undefined {
  const { membership, replicationFactor } = settings;
  if (membership.type !== "found") return undefined;
  const nodes = membership.founders.map(({ node, address, peerAddress, zone, weight }) => {
    return { id: node, address, peerAddress, zone, weight, version };
  });
  return { type: "found", clusterId, replicationFactor, nodes };
}
