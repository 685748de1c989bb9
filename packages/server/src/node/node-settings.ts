import type { HostTiming } from "@titan-kv/raft/host";
import type { RequestLimits } from "../kv/request-limits.ts";
import type { PortLimits } from "../http/port-limits.ts";
import type { PeerLimits } from "../peer/peer-limits.ts";
import type { TlsFileNames } from "../http/tls-files.ts";

/** A founder of a cluster, as every founder is told. */
export interface FounderSettings {
  readonly node: number;
  /** `host:port` for clients. */
  readonly address: string;
  /** `host:port` for other nodes. */
  readonly peerAddress: string;
  readonly zone: string;
  readonly weight: number;
}

/** How a node with an empty directory comes to its cluster. */
export type Membership =
  /** It is one of those that begin a cluster together; all are given the same list. */
  | { readonly type: "found"; readonly node: number; readonly founders: readonly FounderSettings[] }
  /** It asks a cluster that exists, at any of these client addresses. */
  | { readonly type: "join"; readonly seeds: readonly string[] }
  /** It has been a member before; its directory knows. */
  | { readonly type: "restart" };

/** Where a port listens, and under which address others find it. */
export interface PortSettings {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** `host:port`; absent means where it listens. */
  readonly advertised: string | undefined;
  readonly tls: (TlsFileNames & { readonly requireClientCertificate: boolean }) | undefined;
}

/** When a write counts as durable on a node. */
export type Durability = "always" | "interval" | "none";

/** Everything that makes a node; the operator's configuration in the form that the node uses. */
export interface NodeSettings {
  readonly directory: string;
  /** The same on all nodes of a cluster; a joining node may leave it empty and takes what it is told. */
  readonly clusterId: string;
  readonly membership: Membership;
  readonly client: PortSettings;
  readonly peer: PortSettings;
  /** Name in every node's certificate, when it is not the host that is dialled. */
  readonly peerServerName: string | undefined;
  /** Origins of web pages that may use the client port, besides its own. */
  readonly allowedOrigins: readonly string[];
  readonly zone: string;
  readonly weight: number;
  readonly replicationFactor: number;
  readonly durability: Durability;
  /** For the durability `interval`. */
  readonly syncIntervalMs: number;
  readonly timing: HostTiming;
  readonly limits: RequestLimits;
  readonly maxScanPageEntries: number;
  /** Writes of one shard that may be under way on this node. */
  readonly maxPendingOperations: number;
  /** Bytes of writes of all shards that may be under way on this node. */
  readonly maxProposalBytes: number;
  readonly portLimits: PortLimits;
  readonly peerLimits: PeerLimits;
  /** How long a clean stop waits for calls that are under way. */
  readonly stopGraceMs: number;
  readonly leaseReads: boolean;
  /** By how much the clocks of two nodes may differ in rate, in percent: so much of an election timeout is taken off a lease. */
  readonly maxClockDriftPercent: number;
  readonly defaultTimeoutMs: number;
  readonly maxTimeoutMs: number;
  /** Share of reads after which the replicas' records are compared, 0 to 1. */
  readonly readRepairShare: number;
  /** How often the leader of a shard compares the replicas' histories, and their contents, in milliseconds. */
  readonly verifyIntervalMs: number;
  readonly digestIntervalMs: number;
  /** Whether `/metrics` is served. */
  readonly metricsEnabled: boolean;
}
