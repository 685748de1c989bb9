/** Single calls to nodes, on the connections of their links. */
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import {
  ClusterService,
  KvService,
  type ScanRequest,
  type ScanResponse,
  type Topology,
  type WatchRequest,
  type WatchResponse,
} from "@titan-kv/proto";
import { failure } from "../errors/failure.ts";
import { errorOf } from "../errors/failure.ts";
import type { NodeLink } from "./node-link.ts";

/** How long a node may take to tell the topology, in milliseconds. */
const topologyTimeoutMs = 2000;
/** The largest answer to a single call, in bytes: a page of a scan may hold a thousand values of a megabyte. */
const maxAnswerBytes = 1024 * 1024 * 1024 + 64 * 1024 * 1024;

const transports = new WeakMap<NodeLink, Transport>();

function transportOf(link: NodeLink): Transport {
  let transport = transports.get(link);
  if (transport === undefined) {
    transport = createGrpcTransport({
      baseUrl: link.authority,
      sessionManager: link,
      acceptCompression: [],
      readMaxBytes: maxAnswerBytes,
    });
    transports.set(link, transport);
  }
  return transport;
}

/** Asks one node for the topology. Throws what the transport throws, and UNAVAILABLE when the node has none yet. */
export async function askTopology(link: NodeLink): Promise<Topology> {
  const client: Client<typeof ClusterService> = createClient(ClusterService, transportOf(link));
  const { topology } = await client.getTopology({}, { timeoutMs: topologyTimeoutMs });
  if (topology !== undefined && topology.shards.some(({ slots }) => slots.length > 0)) return topology;
  const message = `${link.address} has not heard of its cluster yet`;
  throw errorOf(failure({ code: "UNAVAILABLE", outcome: "NOT_APPLIED", message }), false);
}

/** Opens a scan at one node. */
export function openScan(
  link: NodeLink,
  request: ScanRequest,
  signal: AbortSignal,
): AsyncIterable<ScanResponse> {
  return createClient(KvService, transportOf(link)).scan(request, { signal });
}

/** Opens a watch at one node. */
export function openWatch(
  link: NodeLink,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncIterable<WatchResponse> {
  return createClient(KvService, transportOf(link)).watch(request, { signal });
}
