/** What options must hold together. */
import { BlockList, isIP } from "node:net";
import { parseInitialNode } from "./initial-node.ts";
import type { NodeOptions, TlsSettings } from "./node-options.ts";

/** A rule that is broken: an option, and what goes on after its name. */
export interface BrokenRule {
  readonly option: string;
  readonly message: string;
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether only this machine can reach what listens there. A name other than `localhost` may mean anything. */
export function isLoopback(host: string): boolean {
  if (host === "localhost") return true;
  const family = isIP(host);
  return family !== 0 && loopback.check(host, family === 4 ? "ipv4" : "ipv6");
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::" || host === "*";
}

/** What a message of one operation needs besides key and value, in bytes. */
const messageOverheadBytes = 1024;

function* tlsRules(section: "client" | "peer", tls: TlsSettings): Iterable<BrokenRule> {
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    const [has, lacks] = tls.certFile === undefined ? ["keyFile", "certFile"] : ["certFile", "keyFile"];
    yield {
      option: `${section}.tls.${has}`,
      message: `is set without ${section}.tls.${lacks}; TLS needs both`,
    };
  }
  if (tls.caFile !== undefined && tls.certFile === undefined) {
    yield {
      option: `${section}.tls.caFile`,
      message: `is set without ${section}.tls.certFile; it has no effect alone`,
    };
  }
}

function* listenRules(options: NodeOptions): Iterable<BrokenRule> {
  for (const section of ["client", "peer"] as const) {
    const { host, tls, advertisedAddress } = options[section];
    yield* tlsRules(section, tls);
    if (!isLoopback(host) && tls.certFile === undefined && !options.insecure) {
      yield {
        option: `${section}.host`,
        message: `is ${host}, reachable from other machines, and ${section}.tls.certFile is not set; configure TLS, listen on 127.0.0.1, or accept unencrypted traffic with insecure = true`,
      };
    }
    if (isWildcard(host) && advertisedAddress === undefined) {
      yield {
        option: `${section}.host`,
        message: `is ${host}, which is no address others could use; set ${section}.advertisedAddress`,
      };
    }
  }
  const { client, peer } = options;
  if (client.tls.clientAuth === "require" && client.tls.caFile === undefined) {
    yield { option: "client.tls.clientAuth", message: "is require, which needs client.tls.caFile, and TLS" };
  }
  if (peer.tls.certFile !== undefined && peer.tls.caFile === undefined) {
    yield { option: "peer.tls.certFile", message: "needs peer.tls.caFile: TLS between nodes is mutual" };
  }
  if (client.port === peer.port && client.port !== 0) {
    yield {
      option: "peer.port",
      message: `is ${peer.port}, as is client.port; clients and nodes need a port each`,
    };
  }
}

function* membershipRules({ cluster, node }: NodeOptions): Iterable<BrokenRule> {
  const founders = cluster.initialNodes.map(parseInitialNode);
  const ids = new Set(founders.map(({ id }) => id));
  if (ids.size !== founders.length)
    yield { option: "cluster.initialNodes", message: "names a node id twice" };
  if (founders.length > 0 && cluster.join.length > 0) {
    yield {
      option: "cluster.join",
      message: "and cluster.initialNodes exclude each other: a node founds a cluster or joins one",
    };
  }
  if (founders.length > 0 && node.id === undefined) {
    yield { option: "node.id", message: "is needed with cluster.initialNodes: which of them is this node?" };
  }
  if (node.id !== undefined && founders.length > 0 && !ids.has(node.id)) {
    yield {
      option: "node.id",
      message: `is ${node.id}, which is not among cluster.initialNodes (${[...ids].join(", ")})`,
    };
  }
  if (node.id !== undefined && cluster.join.length > 0) {
    yield { option: "node.id", message: "cannot be chosen by a node that joins; the cluster gives it one" };
  }
  if (cluster.replicationFactor % 2 === 0) {
    yield {
      option: "cluster.replicationFactor",
      message: `is ${cluster.replicationFactor}, an even number, which costs a replica and survives no more failures; allowed: 1, 3, 5, 7`,
    };
  }
}

function* timeRules({ raft, requests }: NodeOptions): Iterable<BrokenRule> {
  if (raft.heartbeatMs < raft.tickMs) {
    yield {
      option: "raft.heartbeatMs",
      message: `is ${raft.heartbeatMs}, below raft.tickMs, ${raft.tickMs}`,
    };
  }
  if (raft.electionTimeoutMs < 3 * raft.heartbeatMs) {
    yield {
      option: "raft.electionTimeoutMs",
      message: `is ${raft.electionTimeoutMs}, below three times raft.heartbeatMs, ${raft.heartbeatMs}: one late heartbeat would cost the leader its office`,
    };
  }
  if (requests.defaultDeadlineMs > requests.maxDeadlineMs) {
    yield { option: "requests.defaultDeadlineMs", message: "is above requests.maxDeadlineMs" };
  }
}

function* sizeRules({ limits }: NodeOptions): Iterable<BrokenRule> {
  const neededBytes = limits.maxKeyBytes + limits.maxValueBytes + messageOverheadBytes;
  if (limits.maxRequestBytes < neededBytes) {
    yield {
      option: "limits.maxRequestBytes",
      message: `is ${limits.maxRequestBytes}, which cannot hold one largest key and value; at least ${neededBytes} is needed`,
    };
  }
}

/** Every rule that the options break. */
export function brokenRules(options: NodeOptions): BrokenRule[] {
  return [...listenRules(options), ...membershipRules(options), ...timeRules(options), ...sizeRules(options)];
}
