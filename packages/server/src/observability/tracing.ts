/** Spans for calls, when the process that runs the node has registered a provider of traces. */
import type { Interceptor } from "@connectrpc/connect";
import {
  context,
  propagation,
  ProxyTracerProvider,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { ApiError } from "../http/api-error.ts";
import { codeNameOf } from "./request-metrics.ts";

/** Name under which the spans are made. */
const tracerName = "@titan-kv/server";

const headerGetter: TextMapGetter<Headers> = {
  keys: (header) => [...header.keys()],
  get: (header, key) => header.get(key) ?? undefined,
};

/** The tracer to use; `undefined` when nobody has registered a provider, and then nothing is done for traces at all. */
export function activeTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer(tracerName)
    : provider.getTracer(tracerName);
}

/** Makes a span of each call with one answer, as a child of the caller's span if it sent one. */
export function tracingInterceptor(tracer: Tracer): Interceptor {
  return (next) => (request) => {
    // A stream of operations may last for days, and watching one is no piece of work.
    if (request.stream) return next(request);
    const { typeName } = request.service;
    const parent = propagation.extract(context.active(), request.header, headerGetter);
    const span = tracer.startSpan(
      `${typeName}/${request.method.name}`,
      {
        kind: SpanKind.SERVER,
        attributes: {
          "rpc.system": "connect_rpc",
          "rpc.service": typeName,
          "rpc.method": request.method.name,
        },
      },
      parent,
    );
    return context.with(trace.setSpan(parent, span), async () => {
      try {
        return await next(request);
      } catch (thrown) {
        span.setAttribute("rpc.connect_rpc.error_code", codeNameOf(thrown));
        if (thrown instanceof ApiError) span.setAttribute("titan.error.reason", thrown.reason);
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw thrown;
      } finally {
        span.end();
      }
    });
  };
}
