import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { checkInteger, checkTimeout } from "../api/argument-checks.ts";
import { bytesCodec, type Codec } from "../api/codec.ts";
import { type ClientLimits, defaultLimits } from "../api/limits.ts";
import { freshnessOf } from "../api/operation-builder.ts";
import type { ReadConsistency } from "../api/read-consistency.ts";
import { TitanClient } from "../api/titan-client.ts";
import { UnaryEngine } from "./unary-engine.ts";

/** What `connect` takes besides the codec. Everything but `baseUrl` has a default. */
export interface WebConnectSettings {
  /** Where the cluster is, such as `https://kv.example.com`. A page may also use an address of its own origin. */
  readonly baseUrl: string;
  /** Sent as `authorization: Bearer …`; asked for at each call. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** Level of reads that do not name one. Default `"linearizable"`. */
  readonly consistency?: ReadConsistency | undefined;
  /** Milliseconds a call may take that does not say, retries included. Default 5000. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds until `connect` gives up. Default 5000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Attempts at one call; 1 switches repeating off. Default: as many as fit into its time. */
  readonly maxAttempts?: number | undefined;
  readonly limits?: Partial<ClientLimits> | undefined;
  /** Used instead of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** What `connect` takes. */
export interface WebConnectOptions<In, Out> extends WebConnectSettings {
  readonly codec: Codec<In, Out>;
}

const defaultTimeoutMs = 5000;

/**
 * Connects to a cluster with nothing but `fetch`. The client has the interface of the one for Node.js; it makes a call over
 * HTTP for each operation, and batches only what is given to `batch` and `getMany`.
 * @throws TitanError UNAVAILABLE when there is no node in time, PERMISSION_DENIED, INVALID_ARGUMENT; TypeError.
 */
export async function connect(
  options: string | WebConnectSettings,
): Promise<TitanClient<string | Uint8Array, Uint8Array>>;
export async function connect<In, Out>(options: WebConnectOptions<In, Out>): Promise<TitanClient<In, Out>>;
export async function connect<In, Out>(
  given: string | WebConnectSettings | WebConnectOptions<In, Out>,
): Promise<TitanClient<In, Out> | TitanClient<string | Uint8Array, Uint8Array>> {
  const settings = (typeof given === "string" ? { baseUrl: given } : given) as
    | WebConnectSettings
    | WebConnectOptions<In, Out>;
  const { baseUrl, token, consistency = "linearizable", fetch } = settings;
  freshnessOf(consistency);
  const limits = { ...defaultLimits, ...settings.limits };
  const { maxAttempts = Number.MAX_SAFE_INTEGER } = settings;
  const engine = await UnaryEngine.connect({
    transport: createConnectTransport({
      baseUrl,
      useBinaryFormat: true,
      interceptors: token === undefined ? [] : [tokenInterceptor(token)],
      ...(fetch === undefined ? {} : { fetch }),
    }),
    timeoutMs: checkTimeout("timeoutMs", settings.timeoutMs ?? defaultTimeoutMs),
    connectTimeoutMs: checkTimeout("connectTimeoutMs", settings.connectTimeoutMs ?? defaultTimeoutMs),
    maxAttempts: checkInteger("maxAttempts", maxAttempts, 1, Number.MAX_SAFE_INTEGER),
  });
  if ("codec" in settings) return new TitanClient({ engine, codec: settings.codec, limits, consistency });
  return new TitanClient({ engine, codec: bytesCodec, limits, consistency });
}

function tokenInterceptor(token: string | (() => string | Promise<string>)): Interceptor {
  return (next) => async (request) => {
    try {
      const value = typeof token === "string" ? token : await token();
      request.header.set("authorization", `Bearer ${value}`);
    } catch (cause) {
      const message = "the token for the request could not be had, or cannot be sent";
      throw new ConnectError(message, Code.Unauthenticated, undefined, undefined, cause);
    }
    return await next(request);
  };
}
