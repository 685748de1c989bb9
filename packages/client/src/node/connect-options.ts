import type { SecureClientSessionOptions } from "node:http2";
import type { Codec } from "../api/codec.ts";
import type { ClientLimits } from "../api/limits.ts";
import type { ReadConsistency } from "../api/read-consistency.ts";
import type { BackoffOptions } from "../retry/backoff.ts";
import type { RetryBudgetOptions } from "../retry/retry-budget.ts";

/** How to reach nodes that speak TLS. Files are given as their contents; the same is used for every connection. */
export interface TlsOptions {
  /** Certificates to trust, PEM. Default: those of the system. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Our certificate, PEM, where nodes ask for one. */
  readonly cert?: string | Buffer | undefined;
  /** Its private key, PEM. */
  readonly key?: string | Buffer | undefined;
  /** The name that the nodes' certificates must have. Default: the host of the address. */
  readonly servername?: string | undefined;
}

/** A token, or where to get one: asked for each connection and each single call, so that it can be renewed. */
export type TokenSource = string | (() => string | Promise<string>);

/** What `connect` takes besides the codec. Everything but `seeds` has a default. */
export interface ConnectSettings {
  /** Client addresses of some nodes, or of something in front of them: `host:port`, several in a list or after commas. */
  readonly seeds: string | readonly string[];
  /** Present, or a seed that begins with https://: connections use TLS. */
  readonly tls?: TlsOptions | undefined;
  /** Sent as `authorization: Bearer …`. */
  readonly token?: TokenSource | undefined;
  /** Go straight to the leaders' addresses. False stays with the seeds, for a single address in front. Default true. */
  readonly directRouting?: boolean | undefined;
  /** Level of reads that do not name one. Default `"linearizable"`. */
  readonly consistency?: ReadConsistency | undefined;
  /** Milliseconds a call may take that does not say, retries included. Default 5000. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds until `connect` gives up finding the cluster. Default 5000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Milliseconds `close` waits for calls under way. Default 2000. */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * Give writes an identity by which shards recognise a repeated one. Default true. False saves some bytes, and a write
   * that may have been applied is reported instead of repeated.
   */
  readonly atMostOnce?: boolean | undefined;
  /**
   * Send a read that is not answered after this many milliseconds to a second node, and take the first answer. Default:
   * never. Sensible: a bit above the usual 99th percentile; below it, it doubles the load.
   */
  readonly hedgeReadsAfterMs?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly limits?: Partial<ClientLimits & FlowLimits> | undefined;
  readonly keepAlive?: KeepAliveOptions | undefined;
  /** Milliseconds between two looks at the topology of a client in use, without cause. Default 30,000. */
  readonly topologyRefreshMs?: number | undefined;
}

/** How failed attempts are repeated. */
export interface RetryOptions extends Partial<BackoffOptions> {
  /** Attempts at one operation; 1 switches repeating off. Default: as many as fit into its time. */
  readonly maxAttempts?: number | undefined;
  readonly budget?: Partial<RetryBudgetOptions> | undefined;
}

/** How much may be under way. What does not fit waits; what does not fit there fails with OVERLOADED. */
export interface FlowLimits {
  /** Operations sent to one node and not answered. Default 4096. */
  readonly maxInFlightOperations: number;
  /** Bytes of the keys and values of those. Default 16 MiB. */
  readonly maxInFlightBytes: number;
  /** Operations accepted and not settled, wherever they wait. Default 65,536. */
  readonly maxPendingOperations: number;
  /** Bytes of the keys and values of those. Default 64 MiB. */
  readonly maxPendingBytes: number;
}

/** How a connection that has silently died is found. */
export interface KeepAliveOptions {
  /** A connection with work on it from which nothing came for this long is pinged, in milliseconds. Default 1000. */
  readonly pingIntervalMs?: number | undefined;
  /** It is cut when the ping is not answered within this time, in milliseconds. Default 2000. */
  readonly pingTimeoutMs?: number | undefined;
  /** A new connection has this long to become ready, in milliseconds. Default 2000. */
  readonly connectTimeoutMs?: number | undefined;
}

/** What `connect` takes. */
export interface ConnectOptions<In, Out> extends ConnectSettings {
  readonly codec: Codec<In, Out>;
}

/** TLS as Node.js takes it; `undefined` for none. */
export function nodeTls(
  options: TlsOptions | undefined,
  wantsTls: boolean,
): SecureClientSessionOptions | undefined {
  if (options === undefined) return wantsTls ? {} : undefined;
  const { ca, cert, key, servername } = options;
  return {
    ...(ca === undefined ? {} : { ca: typeof ca === "string" || Buffer.isBuffer(ca) ? ca : [...ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
  };
}

/** The headers that carry the token. */
export async function tokenHeaders(source: TokenSource | undefined): Promise<Record<string, string>> {
  if (source === undefined) return {};
  const token = typeof source === "string" ? source : await source();
  return { authorization: `Bearer ${token}` };
}
