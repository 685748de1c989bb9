/** Several rounds of one cell, made into one row. */
import type { Sample } from "./measurement.ts";

/** What is known of a cell after all rounds. Each figure is the median of the rounds by itself. */
export interface Summary {
  readonly opsPerSecond: number;
  /** Slowest and fastest round. */
  readonly opsPerSecondMin: number;
  readonly opsPerSecondMax: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly serverCpuSecondsPerOp: number;
  readonly driverCpuSecondsPerOp: number;
  readonly diskBytesPerOp: number | undefined;
  /** Of all rounds together. */
  readonly errors: number;
  readonly errorMessages: readonly string[];
}

/** The middle one, or between the two middle ones; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  if (!Number.isInteger(middle)) return upper;
  return ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** @param samples of the same cell and contender, at least one. */
export function summarize(samples: readonly Sample[]): Summary {
  const rates = samples.map(({ operations, seconds }) => operations / seconds);
  const over = (amount: (sample: Sample) => number): number => median(samples.map(amount));
  const perOp = (amount: (sample: Sample) => number): number =>
    over((sample) => amount(sample) / Math.max(1, sample.operations));
  const tellsDisk = samples.every(({ diskBytesWritten }) => diskBytesWritten !== undefined);
  return {
    opsPerSecond: median(rates),
    opsPerSecondMin: Math.min(...rates),
    opsPerSecondMax: Math.max(...rates),
    p50Ms: over(({ p50Ms }) => p50Ms),
    p99Ms: over(({ p99Ms }) => p99Ms),
    p999Ms: over(({ p999Ms }) => p999Ms),
    serverCpuSecondsPerOp: perOp(({ serverCpuSeconds }) => serverCpuSeconds),
    driverCpuSecondsPerOp: perOp(({ driverCpuSeconds }) => driverCpuSeconds),
    diskBytesPerOp: tellsDisk ? perOp(({ diskBytesWritten = 0 }) => diskBytesWritten) : undefined,
    errors: samples.reduce((sum, { errors }) => sum + errors, 0),
    errorMessages: [...new Set(samples.flatMap(({ errorMessages }) => errorMessages))],
  };
}
