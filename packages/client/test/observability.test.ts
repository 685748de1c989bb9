import { execFile } from "node:child_process";
import { tracingChannel } from "node:diagnostics_channel";
import { promisify } from "node:util";
import { type ProxyTracerProvider, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { afterEach, describe, expect, it } from "vitest";
import { operationChannelName, type OperationTrace } from "../src/index.ts";
import { FakeCluster } from "./support/fake-cluster.ts";
import { errorOf } from "./support/error-of.ts";
import { Reason } from "@titan-kv/proto";
import { notApplied } from "./support/fake-node.ts";

afterEach(() => trace.disable());

describe("diagnostics channels", () => {
  it("tell of operations, their results and their errors", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const told: string[] = [];
    const channel = tracingChannel<OperationTrace, OperationTrace>(operationChannelName);
    const subscribers = {
      start: ({ operation, key }: OperationTrace) => told.push(`start ${operation} ${key}`),
      asyncEnd: ({ operation, error }: OperationTrace) =>
        told.push(`end ${operation} ${error === undefined}`),
      error: ({ operation }: OperationTrace) => told.push(`error ${operation}`),
      end: () => undefined,
      asyncStart: () => undefined,
    };
    channel.subscribe(subscribers);
    await kv.put("k", "v");
    await errorOf(kv.put("k", "v", { signal: AbortSignal.abort() }));
    channel.unsubscribe(subscribers);
    await kv.put("k", "v");
    expect(told).toEqual(["start put k", "end put true", "start put k", "error put", "end put false"]);
  });
});

/** A provider that keeps what a tracer is told. */
function recordingProvider(spans: Record<string, unknown>[]): ProxyTracerProvider {
  const provider = {
    getTracer: (name: string) => ({
      startSpan: (operation: string, options: object) => {
        const recorded: Record<string, unknown> = { tracer: name, operation, ...options };
        spans.push(recorded);
        return {
          setAttributes: (attributes: object) => Object.assign(recorded, attributes),
          setStatus: (status: object) => Object.assign(recorded, { status }),
          end: () => Object.assign(recorded, { ended: true }),
        } as unknown as Span;
      },
      startActiveSpan: () => undefined as never,
    }),
  };
  return provider as unknown as ProxyTracerProvider;
}

describe("OpenTelemetry", () => {
  it("gets a span for each operation when a provider is registered", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const spans: Record<string, unknown>[] = [];
    trace.setGlobalTracerProvider(recordingProvider(spans));
    const kv = await cluster.connect();
    await kv.get("k");
    cluster.script(() => ({ act: "fail", info: notApplied(Reason.NO_SPACE) }));
    await errorOf(kv.put("k", "v"));
    expect(spans).toMatchObject([
      { tracer: "@titan-kv/client", operation: "get", kind: SpanKind.CLIENT, ended: true },
      {
        operation: "put",
        "error.type": "NO_SPACE",
        "titan_kv.outcome": "NOT_APPLIED",
        status: { code: SpanStatusCode.ERROR },
        ended: true,
      },
    ]);
  });

  it("costs nothing and makes nothing when nobody has registered one", async () => {
    await using cluster = await FakeCluster.start({ nodes: 1 });
    const kv = await cluster.connect();
    const spans: Record<string, unknown>[] = [];
    trace.setGlobalTracerProvider(recordingProvider(spans));
    await kv.get("k");
    expect(spans).toEqual([]);
  });
});

describe("a process", () => {
  it("ends by itself when its client is idle, although nobody has closed it", async () => {
    await using cluster = await FakeCluster.start({ nodes: 2 });
    const script = `
      import { connect } from "@titan-kv/client";
      const kv = await connect(${JSON.stringify(cluster.seeds)});
      await kv.put("k", "v");
      for await (const entry of kv.scan()) console.log(entry.key);
    `;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=@titan-kv/source", "--input-type=module-typescript", "--eval", script],
      { cwd: new URL("..", import.meta.url), timeout: 20_000 },
    );
    expect(stdout).toBe("k\n");
  });
});
