import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import {
  context,
  propagation,
  type Span,
  type SpanContext,
  type SpanOptions,
  SpanStatusCode,
  trace,
  type Tracer,
  TraceFlags,
} from "@opentelemetry/api";
import { KvService } from "@titan-kv/proto";
import { afterEach, expect, test } from "vitest";
import type { ClientPort } from "../src/http/client-port.ts";
import { createNodeMetrics } from "../src/observability/node-metrics.ts";
import { requestMetricsInterceptor } from "../src/observability/request-metrics.ts";
import { activeTracer, tracingInterceptor } from "../src/observability/tracing.ts";
import { openTestPort, urlOf } from "./edge/test-port.ts";

let port: ClientPort;
afterEach(async () => {
  await port.stop(0);
  trace.disable();
  propagation.disable();
});

test("calls and streams are counted by method, level and code, and none stays in flight", async () => {
  const metrics = createNodeMetrics();
  port = await openTestPort({
    interceptors: [requestMetricsInterceptor(metrics)],
    pages: new Map([["/metrics", () => metrics.registry.page()]]),
  });
  const kv = createClient(KvService, createGrpcTransport({ baseUrl: urlOf(port) }));
  await kv.put({ key: "k" });
  await kv.put({ key: "fail" }).catch(() => undefined);
  await kv.put({ key: "defect" }).catch(() => undefined);
  await kv.get({ key: "k", read: { level: 3 } }).catch(() => undefined);
  const stop = new AbortController();
  for await (const response of kv.watch({}, { signal: stop.signal })) {
    expect(response.resumeToken).toBe("first");
    break;
  }
  stop.abort();
  const flights = (): string[] =>
    Array.from(metrics.requestsInFlight.series(), ({ labels, cell }) => `${labels["method"]} ${cell.value}`);
  await expect
    .poll(flights)
    .toEqual(["titan.kv.v1.KvService.Put 0", "titan.kv.v1.KvService.Get 0", "titan.kv.v1.KvService.Watch 0"]);
  const counts = (await (await fetch(`${urlOf(port)}/metrics`)).text())
    .split("\n")
    .filter((line) => line.startsWith("titan_request_duration_seconds_count"));
  expect(counts).toEqual([
    'titan_request_duration_seconds_count{method="titan.kv.v1.KvService.Put",level="",code="ok"} 1',
    'titan_request_duration_seconds_count{method="titan.kv.v1.KvService.Put",level="",code="unavailable"} 1',
    'titan_request_duration_seconds_count{method="titan.kv.v1.KvService.Put",level="",code="internal"} 1',
    'titan_request_duration_seconds_count{method="titan.kv.v1.KvService.Get",level="at_least",code="unimplemented"} 1',
    'titan_request_duration_seconds_count{method="titan.kv.v1.KvService.Watch",level="",code="canceled"} 1',
  ]);
});

/** A tracer that remembers. */
interface Remembered {
  readonly name: string;
  readonly parent: SpanContext | undefined;
  readonly attributes: Record<string, unknown>;
  failed: boolean;
  ended: boolean;
}

function rememberingTracer(spans: Remembered[]): Tracer {
  const startSpan = (name: string, options: SpanOptions = {}, parent = context.active()): Span => {
    const remembered: Remembered = {
      name,
      parent: trace.getSpanContext(parent),
      attributes: { ...options.attributes },
      failed: false,
      ended: false,
    };
    spans.push(remembered);
    const span: Partial<Span> = {
      setAttribute(key, value) {
        remembered.attributes[key] = value;
        return span as Span;
      },
      setStatus({ code }) {
        remembered.failed = code === SpanStatusCode.ERROR;
        return span as Span;
      },
      end: () => void (remembered.ended = true),
    };
    return span as Span;
  };
  return { startSpan, startActiveSpan: (): never => expect.unreachable() } as unknown as Tracer;
}

test("without a provider there is no tracer; with one, calls are spans below the caller's", async () => {
  port = await openTestPort();
  expect(activeTracer()).toBeUndefined();
  await port.stop(0);

  const spans: Remembered[] = [];
  trace.setGlobalTracerProvider({ getTracer: () => rememberingTracer(spans) });
  propagation.setGlobalPropagator({
    inject: () => undefined,
    fields: () => ["traceparent"],
    extract: (parent, carrier, getter) => {
      const [, traceId, spanId] = String(getter.get(carrier, "traceparent")).split("-");
      if (traceId === undefined || spanId === undefined) return parent;
      return trace.setSpanContext(parent, {
        traceId,
        spanId,
        traceFlags: TraceFlags.SAMPLED,
        isRemote: true,
      });
    },
  });
  const tracer = activeTracer();
  expect(tracer).toBeDefined();
  port = await openTestPort({ interceptors: [tracingInterceptor(tracer!)] });
  const kv = createClient(KvService, createGrpcTransport({ baseUrl: urlOf(port) }));
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await kv.put({ key: "k" }, { headers: { traceparent } });
  await kv.put({ key: "fail" }).catch(() => undefined);
  expect(spans).toMatchObject([
    {
      name: "titan.kv.v1.KvService/Put",
      parent: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" },
      attributes: { "rpc.service": "titan.kv.v1.KvService", "rpc.method": "Put" },
      failed: false,
      ended: true,
    },
    { parent: undefined, attributes: { "titan.error.reason": "SLOT_MOVING" }, failed: true, ended: true },
  ]);
});
