import { collectDefaultMetrics, type Metric, type MetricType, Registry } from "prom-client";
import type { Page } from "../http/pages.ts";
import { CellFamily, CounterCell, GaugeCell, HistogramCell } from "./metric-cells.ts";

/** What the library reads from a metric when it is asked for the metrics. */
interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

/** Names a metric. Names end in their unit, or in `_total` for counters. */
export interface MetricDescription<Label extends string = string> {
  readonly name: `titan_${string}`;
  readonly help: string;
  readonly labels?: readonly Label[];
}

/** The metrics of a node, for Prometheus. */
export class MetricsRegistry {
  readonly #registry = new Registry();
  readonly #collectors: (() => void)[] = [];

  counter(description: MetricDescription): CellFamily<CounterCell> {
    const family = new CellFamily(description.labels ?? [], () => new CounterCell());
    this.#register(description, "counter", () => valuesOf(family));
    return family;
  }

  gauge(description: MetricDescription): CellFamily<GaugeCell> {
    const family = new CellFamily(description.labels ?? [], () => new GaugeCell());
    this.#register(description, "gauge", () => valuesOf(family));
    return family;
  }

  /** @param bounds upper bounds of the ranges, ascending. */
  histogram(description: MetricDescription, bounds: readonly number[]): CellFamily<HistogramCell> {
    const family = new CellFamily(description.labels ?? [], () => new HistogramCell(bounds));
    this.#register(description, "histogram", () => rangesOf(family, description.name));
    return family;
  }

  /** Called before the metrics are shown, to fill in what is only worth working out then. */
  onScrape(collect: () => void): void {
    this.#collectors.push(collect);
  }

  /** Adds what Node knows of its process: memory, processor time, garbage collection, delay of the event loop. */
  addProcessMetrics(): void {
    collectDefaultMetrics({ register: this.#registry, prefix: "titan_" });
  }

  /** The metrics in Prometheus' text format. */
  async text(): Promise<string> {
    for (const collect of this.#collectors) collect();
    return this.#registry.metrics();
  }

  /** The page `/metrics`. */
  async page(): Promise<Page> {
    return { status: 200, contentType: this.#registry.contentType, body: await this.text() };
  }

  #register(
    description: MetricDescription,
    kind: "counter" | "gauge" | "histogram",
    samples: () => Sample[],
  ): void {
    const { name, help } = description;
    const type = kind as unknown as MetricType;
    const metric = {
      name,
      help,
      type,
      get: () => Promise.resolve({ name, help, type, values: samples(), aggregator: "sum" }),
      reset: () => undefined,
    };
    // The library asks a metric for nothing but these; its own classes are what the cells replace.
    this.#registry.registerMetric(metric as unknown as Metric);
  }
}

function valuesOf(family: CellFamily<{ readonly value: number }>): Sample[] {
  return Array.from(family.series(), ({ labels, cell }) => ({ labels, value: cell.value }));
}

/** Prometheus wants running totals: how many values were at or below each bound. */
function rangesOf(family: CellFamily<HistogramCell>, name: string): Sample[] {
  const samples: Sample[] = [];
  for (const { labels, cell } of family.series()) {
    let total = 0;
    for (const [position, bound] of cell.bounds.entries()) {
      total += cell.counts[position]!;
      samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: total });
    }
    total += cell.counts[cell.bounds.length]!;
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: "+Inf" }, value: total });
    samples.push({ metricName: `${name}_sum`, labels, value: cell.sum });
    samples.push({ metricName: `${name}_count`, labels, value: total });
  }
  return samples;
}
