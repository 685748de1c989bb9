import { expect, test } from "vitest";
import type { PeerStatus } from "../peer/peer-transport.ts";
import { CellFamily, CounterCell, maxSeriesPerMetric } from "./metric-cells.ts";
import { MetricsRegistry } from "./metrics-registry.ts";
import { createNodeMetrics } from "./node-metrics.ts";
import { addPeerMetrics } from "./peer-metrics.ts";

/** The lines of a metric, without comments. */
async function linesOf(registry: MetricsRegistry, name: string): Promise<string[]> {
  const text = await registry.text();
  return text.split("\n").filter((line) => line.startsWith(name));
}

test("what was bumped is what is shown", async () => {
  const registry = new MetricsRegistry();
  const counter = registry.counter({
    name: "titan_things_total",
    help: "Things",
    labels: ["kind", "result"],
  });
  const gauge = registry.gauge({ name: "titan_depth", help: "Depth" });
  counter.with("a", "ok").add();
  counter.with("a", "ok").add(2);
  counter.with('b"\n', "no").add();
  gauge.with().set(7);
  gauge.with().add(-3);
  expect(await linesOf(registry, "titan_")).toEqual([
    'titan_things_total{kind="a",result="ok"} 3',
    String.raw`titan_things_total{kind="b\"\n",result="no"} 1`,
    "titan_depth 4",
  ]);
  expect(await registry.text()).toContain("# TYPE titan_things_total counter");
});

test("a histogram counts values into ranges that include their bound, and shows running totals", async () => {
  const registry = new MetricsRegistry();
  const cell = registry.histogram({ name: "titan_time_seconds", help: "Time" }, [0.5, 1, 2]).with();
  for (const value of [0, 0.5, 0.75, 1.5, 99]) cell.observe(value);
  expect(await linesOf(registry, "titan_time_seconds")).toEqual([
    'titan_time_seconds_bucket{le="0.5"} 2',
    'titan_time_seconds_bucket{le="1"} 3',
    'titan_time_seconds_bucket{le="2"} 4',
    'titan_time_seconds_bucket{le="+Inf"} 5',
    "titan_time_seconds_sum 101.75",
    "titan_time_seconds_count 5",
  ]);
});

test("a metric has so many series and no more; the rest is counted together", () => {
  const family = new CellFamily(["key"], () => new CounterCell());
  for (let index = 0; index < maxSeriesPerMetric + 500; index += 1) family.with(`k${index}`).add();
  const series = [...family.series()];
  expect(series.length).toBe(maxSeriesPerMetric + 1);
  expect(series.at(-1)).toMatchObject({ labels: { key: "other" }, cell: { value: 500 } });
  expect(() => family.with("a", "b")).toThrow("expected the labels key");
});

test("the node's metrics carry the prefix, base units, and every outcome of read repair from the start", async () => {
  const metrics = createNodeMetrics();
  metrics.registry.addProcessMetrics();
  metrics.requestDuration.with("titan.kv.v1.KvService.Get", "local", "ok").observe(0.001);
  metrics.readRepairChecks.lag.add();
  const text = await metrics.registry.text();
  const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  expect(names.length).toBeGreaterThan(20);
  for (const [, name, type] of names) {
    expect(name).toMatch(/^titan_[a-z_0-9]+$/);
    if (type === "counter") expect(name).toMatch(/_total$/);
    expect(name).not.toMatch(/_(?:ms|milliseconds|kb)$/);
  }
  expect(await linesOf(metrics.registry, "titan_read_repair_checks_total")).toEqual([
    'titan_read_repair_checks_total{result="match"} 0',
    'titan_read_repair_checks_total{result="lag"} 1',
    'titan_read_repair_checks_total{result="repaired"} 0',
    'titan_read_repair_checks_total{result="diverged"} 0',
    'titan_read_repair_checks_total{result="skipped"} 0',
  ]);
  expect(text).toContain("titan_nodejs_eventloop_lag_seconds");
  expect(text).toContain(
    'titan_request_duration_seconds_count{method="titan.kv.v1.KvService.Get",level="local",code="ok"} 1',
  );
});

test("peers are read when the metrics are asked for, and disappear when they are forgotten", async () => {
  const registry = new MetricsRegistry();
  const peer: PeerStatus = {
    node: 2,
    address: "a:1",
    connected: true,
    roundTripMs: 1.5,
    queuedBytes: 10,
    counters: { sentFrames: 3, sentBytes: 4, refusedFrames: 5, lostFrames: 6, connections: 7 },
    refusal: undefined,
  };
  let peers: PeerStatus[] = [peer];
  addPeerMetrics(registry, () => peers);
  expect(await linesOf(registry, "titan_peer_round_trip_seconds")).toEqual([
    'titan_peer_round_trip_seconds{node="2"} 0.0015',
  ]);
  expect(await linesOf(registry, "titan_peer_frames_total")).toEqual([
    'titan_peer_frames_total{node="2",result="sent"} 3',
    'titan_peer_frames_total{node="2",result="refused"} 5',
    'titan_peer_frames_total{node="2",result="lost"} 6',
  ]);
  peers = [];
  expect(await linesOf(registry, "titan_peer_")).toEqual([]);
});
