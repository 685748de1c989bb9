import { OperationKind } from "@titan-kv/proto/pipeline";
import { ReadLevel } from "@titan-kv/proto";
import type { ApiError } from "../http/api-error.ts";
import type { OperationMeter } from "../kv/pending-operation.ts";
import type { HistogramCell } from "./metric-cells.ts";
import type { NodeMetrics } from "./node-metrics.ts";
import { codeNameOf, levelNameOf } from "./request-metrics.ts";

const millisecondsPerSecond = 1000;
const highestLevel = ReadLevel.LOCAL;

const methods: Readonly<Record<OperationKind, string>> = {
  [OperationKind.Put]: "titan.kv.v1.KvService.Put",
  [OperationKind.Delete]: "titan.kv.v1.KvService.Delete",
  [OperationKind.Get]: "titan.kv.v1.KvService.Get",
  [OperationKind.Txn]: "titan.kv.v1.KvService.Txn",
};

/**
 * Measures operations that come in a pipeline, under the name that the same operation has as a call of its own: whoever
 * looks at the latency of puts wants all of them.
 */
export class OperationMeters {
  readonly #metrics: NodeMetrics;
  readonly #now: () => number;
  /** By kind and read level: an operation costs one look here and two at the clock. */
  readonly #meters = new Map<number, OperationMeter>();

  /** `now` is the monotonic clock, in milliseconds, by which operations are said to have begun. */
  constructor(metrics: NodeMetrics, now: () => number) {
    this.#metrics = metrics;
    this.#now = now;
  }

  /** The meter of operations of a kind; `level` is the read level of a get. */
  readonly of = (kind: OperationKind, level: number): OperationMeter => {
    const isRead = kind === OperationKind.Get;
    // Callers may send any number; those that are no level are counted with the default one.
    const place = isRead && level <= highestLevel ? level : 0;
    const key = kind + place * 8;
    let meter = this.#meters.get(key);
    if (meter === undefined) {
      meter = this.#meter(methods[kind], isRead ? levelNameOf(place) : "");
      this.#meters.set(key, meter);
    }
    return meter;
  };

  #meter(method: string, level: string): OperationMeter {
    const { requestDuration } = this.#metrics;
    const answered = requestDuration.with(method, level, "ok");
    const failures = new Map<string, HistogramCell>();
    const failed = (error: ApiError): HistogramCell => {
      let cell = failures.get(error.reason);
      if (cell === undefined) {
        cell = requestDuration.with(method, level, codeNameOf(error));
        failures.set(error.reason, cell);
      }
      return cell;
    };
    return {
      settled: (beganMs, error) => {
        const cell = error === undefined ? answered : failed(error);
        cell.observe((this.#now() - beganMs) / millisecondsPerSecond);
      },
    };
  }
}
