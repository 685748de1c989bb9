/** From what an operator says to what a node is made of. */
import { createHash } from "node:crypto";
import { type InitialNode, parseInitialNode } from "../config/initial-node.ts";
import type { NodeOptions, TlsSettings } from "../config/node-options.ts";
import { defaultPortLimits } from "../http/port-limits.ts";
import { defaultPeerLimits } from "../peer/peer-limits.ts";
import type { FounderSettings, Membership, NodeSettings, PortSettings } from "./node-settings.ts";

/** Characters of a derived cluster id. */
const clusterIdLength = 12;

/**
 * The id of a cluster that was not given one: the same on all founders, because it is made from the list that all of them
 * are given.
 */
function derivedClusterId(name: string, founders: readonly InitialNode[]): string {
  const members = founders
    .map(({ id, address, peerAddress }) => `${id}@${address}/${peerAddress}`)
    .toSorted();
  const digest = createHash("sha256")
    .update([name, ...members].join("\n"))
    .digest("hex");
  return `${name}-${digest.slice(0, clusterIdLength)}`;
}

function membershipOf(options: NodeOptions, founders: readonly InitialNode[]): Membership {
  const { cluster, node } = options;
  if (cluster.join.length > 0) return { type: "join", seeds: cluster.join };
  if (founders.length === 0 || node.id === undefined) return { type: "restart" };
  return {
    type: "found",
    node: node.id,
    founders: founders.map(({ id, ...rest }): FounderSettings => ({ node: id, ...rest })),
  };
}

function portSettings(
  port: { readonly host: string; readonly port: number; readonly advertisedAddress?: string | undefined },
  tls: TlsSettings,
  requireClientCertificate: boolean,
): PortSettings {
  const { certFile, keyFile, caFile } = tls;
  return {
    host: port.host,
    port: port.port,
    advertised: port.advertisedAddress,
    tls:
      certFile === undefined || keyFile === undefined
        ? undefined
        : { certFile, keyFile, caFile, requireClientCertificate },
  };
}

/** The settings that checked options mean. */
export function settingsFromOptions(options: NodeOptions): NodeSettings {
  const { cluster, node, client, peer, durability, raft, reads, requests, limits } = options;
  const founders = cluster.initialNodes.map(parseInitialNode);
  const founding = founders.length > 0 && cluster.join.length === 0;
  return {
    directory: options.dataDirectory,
    clusterId: cluster.id ?? (founding ? derivedClusterId(cluster.name, founders) : ""),
    membership: membershipOf(options, founders),
    client: portSettings(client, client.tls, client.tls.clientAuth === "require"),
    peer: portSettings(peer, peer.tls, true),
    peerServerName: peer.tls.serverName,
    allowedOrigins: client.allowedOrigins,
    zone: node.zone,
    weight: node.weight,
    replicationFactor: cluster.replicationFactor,
    durability: durability.level,
    syncIntervalMs: durability.intervalMs,
    timing: {
      tickMs: raft.tickMs,
      electionTicks: Math.max(2, Math.round(raft.electionTimeoutMs / raft.tickMs)),
      heartbeatTicks: Math.max(1, Math.round(raft.heartbeatMs / raft.tickMs)),
    },
    limits,
    maxScanPageEntries: limits.maxScanPage,
    maxPendingOperations: limits.maxQueuedOperations,
    maxProposalBytes: limits.maxQueuedBytes,
    portLimits: {
      ...defaultPortLimits,
      maxConnections: limits.maxConnections,
      maxRequestBytes: limits.maxRequestBytes,
      headersTimeoutMs: limits.headersTimeoutMs,
      requestTimeoutMs: limits.requestTimeoutMs,
      idleTimeoutMs: limits.idleTimeoutMs,
    },
    peerLimits: { ...defaultPeerLimits, maxQueueBytes: limits.maxPeerQueueBytes },
    stopGraceMs: limits.stopGraceMs,
    leaseReads: reads.leases,
    maxClockDriftPercent: reads.maxClockDriftPercent,
    defaultTimeoutMs: requests.defaultDeadlineMs,
    maxTimeoutMs: requests.maxDeadlineMs,
    readRepairShare: options.repair.readShare,
    verifyIntervalMs: options.repair.verifyIntervalMs,
    digestIntervalMs: options.repair.digestIntervalMs,
    metricsEnabled: options.metrics.enabled,
  };
}
