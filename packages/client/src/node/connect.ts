import { bytesCodec } from "../api/codec.ts";
import { defaultLimits } from "../api/limits.ts";
import { freshnessOf } from "../api/operation-builder.ts";
import { TitanClient } from "../api/titan-client.ts";
import type { ConnectOptions, ConnectSettings } from "./connect-options.ts";
import { PipelineEngine } from "./pipeline-engine.ts";

/**
 * Connects to a cluster: finds it by any of the seeds, and resolves when it is ready for calls. Close the client with
 * `close()` or by `await using`; until then it reconnects by itself whenever it has to.
 *
 *     await using kv = await connect("localhost:4100");
 *
 * @throws TitanError UNAVAILABLE when no seed answers in time, PERMISSION_DENIED when one refuses us, INVALID_ARGUMENT.
 */
export async function connect(
  seeds: string | readonly string[] | ConnectSettings,
): Promise<TitanClient<string | Uint8Array, Uint8Array>>;
export async function connect<In, Out>(options: ConnectOptions<In, Out>): Promise<TitanClient<In, Out>>;
export async function connect<In, Out>(
  given: string | readonly string[] | ConnectSettings | ConnectOptions<In, Out>,
): Promise<TitanClient<In, Out> | TitanClient<string | Uint8Array, Uint8Array>> {
  const isAddress = typeof given === "string" || Array.isArray(given);
  const settings = (isAddress ? { seeds: given } : given) as ConnectSettings | ConnectOptions<In, Out>;
  const { consistency = "linearizable" } = settings;
  freshnessOf(consistency);
  const limits = { ...defaultLimits, ...settings.limits };
  const engine = await PipelineEngine.connect(settings);
  if ("codec" in settings) return new TitanClient({ engine, codec: settings.codec, limits, consistency });
  return new TitanClient({ engine, codec: bytesCodec, limits, consistency });
}
