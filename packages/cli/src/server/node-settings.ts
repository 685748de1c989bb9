/** From the operator's options to what a node is started with. */
import {
  defaultRequestLimits,
  type FounderSettings,
  type Membership,
  type NodeOptions,
  type NodeSettings,
  parseInitialNode,
  type PortSettings,
} from "@titan-kv/server";

/** Reads that are followed by a comparison of the replicas' records: one in a hundred. */
const readRepairShare = 0.01;

function membershipOf({ cluster, node }: NodeOptions): Membership {
  if (cluster.initialNodes.length > 0 && node.id !== undefined) {
    const founders: FounderSettings[] = cluster.initialNodes.map((entry) => {
      const { id, ...rest } = parseInitialNode(entry);
      return { node: id, ...rest };
    });
    return { type: "found", node: node.id, founders };
  }
  return cluster.join.length > 0 ? { type: "join", seeds: cluster.join } : { type: "restart" };
}

function portOf(
  options: NodeOptions["client"] | NodeOptions["peer"],
  requireClientCertificate: boolean,
): PortSettings {
  const { host, port, advertisedAddress, tls } = options;
  const { certFile, keyFile, caFile } = tls;
  return {
    host,
    port,
    advertised: advertisedAddress,
    tls:
      certFile === undefined || keyFile === undefined
        ? undefined
        : { certFile, keyFile, caFile, requireClientCertificate },
  };
}

/** The settings of the node that the options describe. */
export function nodeSettingsOf(options: NodeOptions): NodeSettings {
  const { cluster, node, client, peer, durability, raft, reads, requests, limits } = options;
  const membership = membershipOf(options);
  const foundingId = membership.type === "found" ? cluster.name : "";
  return {
    directory: options.dataDirectory,
    clusterId: cluster.id ?? foundingId,
    membership,
    client: portOf(client, client.tls.clientAuth === "require"),
    peer: portOf(peer, true),
    zone: node.zone,
    weight: node.weight,
    replicationFactor: cluster.replicationFactor,
    durability: durability.level,
    syncIntervalMs: durability.intervalMs,
    timing: {
      tickMs: raft.tickMs,
      heartbeatTicks: Math.max(1, Math.round(raft.heartbeatMs / raft.tickMs)),
      electionTicks: Math.max(3, Math.round(raft.electionTimeoutMs / raft.tickMs)),
    },
    limits: {
      ...defaultRequestLimits,
      maxKeyBytes: limits.maxKeyBytes,
      maxValueBytes: limits.maxValueBytes,
      maxRequestBytes: limits.maxRequestBytes,
      maxBatchOperations: limits.maxBatchOperations,
    },
    maxScanPageEntries: limits.maxScanPage,
    leaseReads: reads.leases,
    defaultTimeoutMs: requests.defaultDeadlineMs,
    maxTimeoutMs: requests.maxDeadlineMs,
    readRepairShare,
  };
}
