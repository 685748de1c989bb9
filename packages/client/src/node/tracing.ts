/**
 * What a program can observe of its operations: tracing channels of `node:diagnostics_channel`, and spans of OpenTelemetry
 * when its API is installed and a provider is registered. Nobody listening costs one comparison per operation.
 */
import { tracingChannel, type TracingChannel } from "node:diagnostics_channel";
import type * as OpenTelemetry from "@opentelemetry/api";
import type { EngineOperation } from "../api/operation.ts";
import { TitanError } from "../errors/titan-error.ts";

/**
 * What the channels `tracing:titan-kv:operation:start`, `…:asyncEnd` and `…:error` tell. Tracing tools add their own fields
 * to it on the way.
 */
export interface OperationTrace {
  readonly operation: EngineOperation["kind"];
  readonly key: string;
  /** In `asyncEnd`, unless the operation failed. */
  readonly result?: unknown;
  /** In `error` and `asyncEnd`, when it failed. */
  readonly error?: unknown;
}

/** Name of the tracing channel. */
export const operationChannelName = "titan-kv:operation";

const channel: TracingChannel<OperationTrace, OperationTrace> = tracingChannel<
  OperationTrace,
  OperationTrace
>(operationChannelName);

/** A tracer that leads somewhere, and the API that it belongs to. */
export interface SpanSource {
  readonly api: Pick<typeof OpenTelemetry, "SpanKind" | "SpanStatusCode">;
  readonly tracer: OpenTelemetry.Tracer;
}

/** Observes the operations of one client. */
export class OperationTracer {
  readonly #spans: SpanSource | undefined;

  constructor(spans: SpanSource | undefined) {
    this.#spans = spans;
  }

  /** Runs an operation, told to whoever listens. */
  trace<Result>(operation: EngineOperation, run: () => Promise<Result>): Promise<Result> {
    const isWatched = channel.hasSubscribers;
    const spans = this.#spans;
    if (spans === undefined && !isWatched) return run();
    const observed = spans === undefined ? run : () => withSpan(spans, operation, run);
    if (!isWatched) return observed();
    return channel.tracePromise(observed, { operation: operation.kind, key: operation.key });
  }
}

async function withSpan<Result>(
  { api, tracer }: SpanSource,
  operation: EngineOperation,
  run: () => Promise<Result>,
): Promise<Result> {
  const span = tracer.startSpan(operation.kind, {
    kind: api.SpanKind.CLIENT,
    attributes: { "db.system.name": "titan-kv", "db.operation.name": operation.kind },
  });
  try {
    return await run();
  } catch (error) {
    if (error instanceof TitanError) {
      span.setAttributes({ "error.type": error.code, "titan_kv.outcome": error.outcome });
    }
    span.setStatus({
      code: api.SpanStatusCode.ERROR,
      message: error instanceof Error ? error.message : String(error),
    });
    throw error;
  } finally {
    span.end();
  }
}

/** Where spans go; `undefined` when the API is not installed or nobody has registered a provider. */
export async function openTelemetrySpans(): Promise<SpanSource | undefined> {
  try {
    const api = await import("@opentelemetry/api");
    const provider = api.trace.getTracerProvider();
    // The API stands in for a provider that may come later; without one behind it, spans would go nowhere.
    const tracer =
      provider instanceof api.ProxyTracerProvider
        ? provider.getDelegateTracer("@titan-kv/client")
        : provider.getTracer("@titan-kv/client");
    return tracer === undefined ? undefined : { api, tracer };
  } catch {
    // Not installed: it is an optional peer.
    return undefined;
  }
}
