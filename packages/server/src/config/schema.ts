/** Every option there is, once: name, kind, limits, default, meaning. The rest of this folder is derived from it. */
import { z } from "zod";
import { defaultZone, initialNodeText } from "./initial-node.ts";
import type { NodeOptions } from "./node-options.ts";
import {
  addressText,
  choice,
  flag,
  integer,
  list,
  optionalInteger,
  optionalText,
  plainText,
  positiveNumber,
  share,
  text,
} from "./option-kinds.ts";

const kib = 1024;
const mib = 1024 * kib;
const gib = 1024 * mib;
const hourMs = 3_600_000;

const cluster = z.strictObject({
  id: optionalText({
    meaning: "refuse to start on data of, or to join, any other cluster than the one with this id",
  }),
  name: text({ default: "titan", meaning: "a name for people, given to the cluster when it is founded" }),
  initialNodes: list({
    form: initialNodeText,
    meaning:
      "the founding members, this node among them, the same list on each; read only when the cluster is founded",
  }),
  join: list({ form: addressText, meaning: "client addresses of members to ask for admission" }),
  replicationFactor: integer({
    min: 1,
    max: 7,
    default: 3,
    meaning: "replicas of each shard, an odd number",
  }),
});

const node = z.strictObject({
  id: optionalInteger({
    min: 1,
    max: 2 ** 31 - 1,
    meaning: "which of the founding members this is; a joining node is given its id",
  }),
  zone: text({
    default: defaultZone,
    meaning: "where the node stands; replicas of a shard are spread over zones",
  }),
  weight: positiveNumber({
    max: 1000,
    default: 1,
    meaning: "the node's share of the data, compared with other nodes",
  }),
});

const tlsFiles = {
  certFile: optionalText({ meaning: "certificate, PEM, followed by intermediate ones; turns TLS on" }),
  keyFile: optionalText({ meaning: "private key of the certificate, PEM" }),
};

const client = z.strictObject({
  host: text({ default: "127.0.0.1", meaning: "where to listen for clients" }),
  port: integer({
    min: 0,
    max: 65_535,
    default: 4100,
    meaning: "the port for clients; 0 lets the system choose",
  }),
  advertisedAddress: optionalText({
    form: addressText,
    meaning: "where clients reach the node; default host and port",
  }),
  allowedOrigins: list({
    form: { ...plainText, allowed: "origins, such as https://app.example.org, or *" },
    meaning: "web pages that may use the port, besides its own",
  }),
  tls: z.strictObject({
    ...tlsFiles,
    caFile: optionalText({ meaning: "authorities of client certificates, PEM" }),
    clientAuth: choice(["none", "require"], {
      default: "none",
      meaning: "whether clients must have a certificate",
    }),
  }),
});

const peer = z.strictObject({
  host: text({ default: "127.0.0.1", meaning: "where to listen for other nodes" }),
  port: integer({
    min: 0,
    max: 65_535,
    default: 4200,
    meaning: "the port for other nodes; 0 lets the system choose",
  }),
  advertisedAddress: optionalText({
    form: addressText,
    meaning: "where other nodes reach this one; default host and port",
  }),
  tls: z.strictObject({
    ...tlsFiles,
    caFile: optionalText({
      meaning: "authorities of the other nodes' certificates, PEM; TLS between nodes is mutual",
    }),
    serverName: optionalText({
      meaning: "name in every node's certificate; default the host that is dialled",
    }),
  }),
});

const durability = z.strictObject({
  level: choice(["always", "interval", "none"], {
    default: "always",
    meaning: "when a write is on disk: before it is acknowledged, every intervalMs, or when the system likes",
  }),
  intervalMs: integer({
    min: 1,
    max: 60_000,
    default: 100,
    meaning: "for interval: how much a failing machine may lose",
  }),
});

const raft = z.strictObject({
  tickMs: integer({ min: 1, max: 1000, default: 50, meaning: "unit of time of consensus" }),
  electionTimeoutMs: integer({
    min: 50,
    max: 60_000,
    default: 1000,
    meaning: "without a leader for this long, one is elected",
  }),
  heartbeatMs: integer({
    min: 5,
    max: 10_000,
    default: 100,
    meaning: "how often a leader says that it is there",
  }),
});

const reads = z.strictObject({
  leases: flag({
    default: false,
    meaning: "serve the read level LEASE, which trusts clocks to run equally fast",
  }),
  maxClockDriftPercent: positiveNumber({
    max: 50,
    default: 5,
    meaning: "for leases: how much faster one clock may run",
  }),
});

const repair = z.strictObject({
  readShare: share({
    default: 0.001,
    meaning: "share of reads on a leader after which the replicas of the key are compared; 0 is never",
  }),
  verifyIntervalMs: integer({
    min: 1000,
    max: 24 * hourMs,
    default: 60_000,
    meaning: "how often replicas are compared by what was done to them",
  }),
  digestIntervalMs: integer({
    min: 1000,
    max: 24 * hourMs,
    default: 600_000,
    meaning: "how often they are compared by what they hold, which reads everything",
  }),
});

const requests = z.strictObject({
  defaultDeadlineMs: integer({
    min: 1,
    max: hourMs,
    default: 5000,
    meaning: "time of a request that does not say",
  }),
  maxDeadlineMs: integer({
    min: 1,
    max: hourMs,
    default: 60_000,
    meaning: "longest time a request may ask for",
  }),
});

const limits = z.strictObject({
  maxKeyBytes: integer({ min: 1, max: 64 * kib - 1, default: 4 * kib, meaning: "largest key" }),
  maxValueBytes: integer({ min: 1, max: 64 * mib, default: mib, meaning: "largest value" }),
  maxRequestBytes: integer({
    min: kib,
    max: 128 * mib,
    default: 4 * mib,
    meaning: "largest message of a request",
  }),
  maxBatchOperations: integer({
    min: 1,
    max: 65_536,
    default: 1024,
    meaning: "operations in one batch or transaction",
  }),
  maxScanPage: integer({ min: 1, max: 100_000, default: 1000, meaning: "entries in one message of a scan" }),
  maxQueuedOperations: integer({
    min: 1,
    max: 10_000_000,
    default: 65_536,
    meaning: "operations under way on the node; more are refused as OVERLOADED",
  }),
  maxQueuedBytes: integer({
    min: mib,
    max: 64 * gib,
    default: 256 * mib,
    meaning: "bytes of operations under way on the node",
  }),
  maxConnections: integer({ min: 1, max: 1_000_000, default: 4096, meaning: "connections of clients" }),
  maxPeerQueueBytes: integer({
    min: mib,
    max: 4 * gib,
    default: 64 * mib,
    meaning: "bytes that wait for one other node",
  }),
  headersTimeoutMs: integer({
    min: 10,
    max: hourMs,
    default: 10_000,
    meaning: "from a connection to its first complete headers",
  }),
  requestTimeoutMs: integer({
    min: 10,
    max: hourMs,
    default: 60_000,
    meaning: "from the first to the last byte of a request that is not a stream",
  }),
  idleTimeoutMs: integer({
    min: 10,
    max: 24 * hourMs,
    default: 30 * 60_000,
    meaning: "a connection without requests is closed after this",
  }),
  stopGraceMs: integer({
    min: 0,
    max: hourMs,
    default: 10_000,
    meaning: "how long a clean stop waits for what is under way",
  }),
});

const log = z.strictObject({
  level: choice(["trace", "debug", "info", "warn", "error", "fatal", "silent"], {
    default: "info",
    meaning: "least important lines that are written",
  }),
});

const metrics = z.strictObject({
  enabled: flag({ default: true, meaning: "serve /metrics on the client port" }),
});

/** The shape of `NodeOptions`: sections are objects, everything else is an option. */
export const nodeOptionsSchema: z.ZodType<NodeOptions> & z.ZodObject = z.strictObject({
  dataDirectory: text({
    default: "titan-data",
    meaning: "directory of everything the node keeps; one node at a time",
  }),
  insecure: flag({ default: false, meaning: "listen on a network without TLS" }),
  cluster,
  node,
  client,
  peer,
  durability,
  raft,
  reads,
  repair,
  requests,
  limits,
  log,
  metrics,
});
