import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { ReadLevel } from "@titan-kv/proto";
import { asApiError } from "../http/api-error.ts";
import { codeOf } from "../http/error-mapping.ts";
import type { NodeMetrics } from "./node-metrics.ts";

const millisecondsPerSecond = 1000;

/** Status codes as gRPC spells them, such as `resource_exhausted`. */
const codeNames = new Map<Code, string>(
  Object.entries(Code).flatMap(([name, code]) =>
    typeof code === "number"
      ? [[code, name.replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase()] as const]
      : [],
  ),
);

/** Read levels as people write them, such as `at_least`. */
const levelNames = new Map<number, string>(
  Object.entries(ReadLevel).flatMap(([name, level]) =>
    typeof level === "number" ? [[level, name.toLowerCase()] as const] : [],
  ),
);
levelNames.set(ReadLevel.UNSPECIFIED, "linearizable");

/** The status code with which a call ends that failed with this. */
export function codeNameOf(thrown: unknown): string {
  const code = thrown instanceof ConnectError ? thrown.code : codeOf(asApiError(thrown).reason);
  return codeNames.get(code) ?? "unknown";
}

/** Methods that read by level, by full name. */
const readMethods: ReadonlySet<string> = new Set(["titan.kv.v1.KvService.Get", "titan.kv.v1.KvService.Scan"]);

/** A read level as the metrics name it. */
export function levelNameOf(level: number): string {
  return levelNames.get(level) ?? "unknown";
}

function levelOf(method: string, message: unknown): string {
  if (!readMethods.has(method)) return "";
  const level = (message as { readonly read?: { readonly level?: number } }).read?.level;
  return levelNameOf(level ?? ReadLevel.UNSPECIFIED);
}

/** Measures every call; a stream lasts until its last message. */
export function requestMetricsInterceptor(metrics: NodeMetrics): Interceptor {
  return (next) => async (request) => {
    const method = `${request.service.typeName}.${request.method.name}`;
    const level = request.stream ? "" : levelOf(method, request.message);
    const inFlight = metrics.requestsInFlight.with(method);
    const beganMs = performance.now();
    let finished = false;
    const finish = (code: string): void => {
      if (finished) return;
      finished = true;
      inFlight.add(-1);
      const seconds = (performance.now() - beganMs) / millisecondsPerSecond;
      metrics.requestDuration.with(method, level, code).observe(seconds);
    };
    inFlight.add(1);
    try {
      const response = await next(request);
      if (!response.stream) {
        finish("ok");
        return response;
      }
      // A caller that goes away may do so before the first message is asked for, or between two.
      request.signal.addEventListener("abort", () => finish("canceled"), { once: true });
      return { ...response, message: measured(response.message, finish) };
    } catch (thrown) {
      finish(codeNameOf(thrown));
      throw thrown;
    }
  };
}

async function* measured<T>(messages: AsyncIterable<T>, finish: (code: string) => void): AsyncIterable<T> {
  try {
    yield* messages;
    finish("ok");
  } catch (thrown) {
    finish(codeNameOf(thrown));
    throw thrown;
  }
}
