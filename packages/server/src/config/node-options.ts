/** Everything an operator, or a program that embeds a node, can set. Defaults and limits: `optionTable()`. */
export interface NodeOptions {
  /** Directory of everything the node keeps; created when absent; one node at a time. */
  readonly dataDirectory: string;
  /** Accept that data and credentials travel unencrypted on a network. */
  readonly insecure: boolean;
  readonly cluster: ClusterOptions;
  readonly node: OwnNodeOptions;
  readonly client: ClientPortSettings;
  readonly peer: PeerPortSettings;
  readonly durability: DurabilityOptions;
  readonly raft: RaftOptions;
  readonly reads: ReadOptions;
  readonly repair: RepairOptions;
  readonly requests: RequestOptions;
  readonly limits: LimitOptions;
  readonly log: LogOptions;
  readonly metrics: MetricsOptions;
}

/** The cluster that the node belongs to, and how it becomes a member. */
export interface ClusterOptions {
  /** Refuse to start on data of, or to join, any other cluster than this one. */
  readonly id?: string | undefined;
  /** A name for people. */
  readonly name: string;
  /** The founding members, this node among them, the same list on each; see `parseInitialNode`. */
  readonly initialNodes: readonly string[];
  /** Client addresses of members to ask for admission. */
  readonly join: readonly string[];
  /** Replicas of each shard. */
  readonly replicationFactor: number;
}

/** This node. */
export interface OwnNodeOptions {
  /** Which of `cluster.initialNodes` this is; a joining node is given its id. */
  readonly id?: number | undefined;
  /** Where it stands; replicas of a shard are spread over zones. */
  readonly zone: string;
  /** Its share of the data, compared with other nodes. */
  readonly weight: number;
}

/** Certificate of a port; empty in clear. */
export interface TlsSettings {
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly caFile?: string | undefined;
}

/** The port for clients. */
export interface ClientPortSettings {
  readonly host: string;
  readonly port: number;
  /** `host:port` under which clients reach the node. */
  readonly advertisedAddress?: string | undefined;
  /** Origins of web pages that may use the port, besides its own. */
  readonly allowedOrigins: readonly string[];
  readonly tls: TlsSettings & {
    /** Whether clients must have a certificate of `caFile`. */
    readonly clientAuth: "none" | "require";
  };
}

/** The port for other nodes. With a certificate TLS is mutual. */
export interface PeerPortSettings {
  readonly host: string;
  readonly port: number;
  /** `host:port` under which other nodes reach this one. */
  readonly advertisedAddress?: string | undefined;
  readonly tls: TlsSettings & {
    /** Name in every node's certificate, when it is not the host that is dialled. */
    readonly serverName?: string | undefined;
  };
}

/** When a write counts as durable on a node. */
export interface DurabilityOptions {
  readonly level: "always" | "interval" | "none";
  /** For `interval`: how much may be lost when the machine fails. */
  readonly intervalMs: number;
}

/** Times of consensus. */
export interface RaftOptions {
  readonly tickMs: number;
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
}

/** How reads are served. */
export interface ReadOptions {
  /** Whether the level LEASE is served. */
  readonly leases: boolean;
  /** How much faster one node's monotonic clock may run than another's. */
  readonly maxClockDriftPercent: number;
}

/** How replicas are compared with each other. */
export interface RepairOptions {
  /** Share of reads on a leader after which the replicas of the key are compared. */
  readonly readShare: number;
  /** How often replicas are compared by what was done to them. */
  readonly verifyIntervalMs: number;
  /** How often they are compared by what they hold. */
  readonly digestIntervalMs: number;
}

/** Time of requests. */
export interface RequestOptions {
  /** For requests that say nothing. */
  readonly defaultDeadlineMs: number;
  /** Longest a request may ask for. */
  readonly maxDeadlineMs: number;
}

/** What is refused. */
export interface LimitOptions {
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
  readonly maxRequestBytes: number;
  readonly maxBatchOperations: number;
  readonly maxScanPage: number;
  readonly maxQueuedOperations: number;
  readonly maxQueuedBytes: number;
  readonly maxConnections: number;
  readonly maxPeerQueueBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** How long a clean stop waits for what is under way. */
  readonly stopGraceMs: number;
}

/** Levels of the log, most to least. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** The log. */
export interface LogOptions {
  readonly level: LogLevel;
}

/** The page `/metrics`. */
export interface MetricsOptions {
  readonly enabled: boolean;
}
