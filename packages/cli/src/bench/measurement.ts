/** Runs a workload against a cluster and measures each operation. */
import { TitanError } from "@titan-kv/client";
import type { BytesClient } from "../connection/with-client.ts";
import { InsertedKeys } from "./inserted-keys.ts";
import { seededRandom } from "./key-choice.ts";
import { LatencyHistogram } from "./latency-histogram.ts";
import { chooseOperation, keyChooserOf, type OperationKind, type Workload } from "./workload.ts";

/** Longest scan of a workload, in entries. */
const maxScanEntries = 100;
/** Operations of one batch when keys are loaded. */
const loadBatch = 1000;

/** What a measurement is given. */
export interface MeasurementOptions {
  readonly client: BytesClient;
  readonly workload: Workload;
  /** Operations under way at once. */
  readonly callers: number;
  readonly durationMs: number;
  /** Keys that are there before it begins. */
  readonly keyCount: number;
  readonly valueBytes: number;
  /** Put before every key, so that nothing else is touched. */
  readonly prefix: string;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onProgress: (share: number, operations: number) => void;
}

/** What was measured. */
export interface Measurement {
  readonly tookMs: number;
  readonly histograms: ReadonlyMap<OperationKind, LatencyHistogram>;
  readonly all: LatencyHistogram;
  readonly errors: ReadonlyMap<string, number>;
}

/** The key of a number; of even length, so that their order is that of the numbers. */
function keyOf(prefix: string, number: number): string {
  return `${prefix}${String(number).padStart(10, "0")}`;
}

/** Bytes that do not compress. */
function valueMaker(bytes: number, random: () => number): () => Uint8Array {
  const pool = Uint8Array.from({ length: bytes + 4096 }, () => Math.floor(random() * 256));
  return () => {
    const start = Math.floor(random() * 4096);
    return pool.subarray(start, start + bytes);
  };
}

/** Writes the keys that the workload expects. */
export async function loadKeys(options: MeasurementOptions): Promise<void> {
  const { client, keyCount, prefix, valueBytes, seed, signal, onProgress } = options;
  const makeValue = valueMaker(valueBytes, seededRandom(seed));
  for (let first = 0; first < keyCount && !signal.aborted; first += loadBatch) {
    const count = Math.min(loadBatch, keyCount - first);
    // oxlint-disable-next-line no-await-in-loop -- a batch at a time is enough to fill the pipelines
    const results = await client.batch(
      Array.from({ length: count }, (_, index) => {
        return { kind: "put", key: keyOf(prefix, first + index), value: makeValue() } as const;
      }),
      { timeoutMs: 60_000 },
    );
    for (const result of results) if (result.kind === "error") throw result.error;
    onProgress((first + count) / keyCount, first + count);
  }
}

/** Removes what `loadKeys` and the measurement have written. */
export async function removeKeys(client: BytesClient, prefix: string): Promise<void> {
  for await (const { entries } of client.scan({ prefix, keysOnly: true }).pages()) {
    const results = await client.batch(
      entries.map(({ key }) => ({ kind: "delete", key }) as const),
      { timeoutMs: 60_000 },
    );
    for (const result of results) if (result.kind === "error") throw result.error;
  }
}

/** Runs the workload for its time. Errors of single operations are counted by code. */
export async function measure(options: MeasurementOptions): Promise<Measurement> {
  const { workload, callers, durationMs, signal, seed, onProgress } = options;
  const histograms = new Map<OperationKind, LatencyHistogram>();
  const all = new LatencyHistogram();
  const errors = new Map<string, number>();
  const operation = operationRunner(options);
  const startedAtMs = performance.now();
  const endAtMs = startedAtMs + durationMs;
  const timer = setInterval(() => onProgress((performance.now() - startedAtMs) / durationMs, all.count), 100);
  const caller = async (number: number): Promise<void> => {
    const random = seededRandom(seed + number + 1);
    while (performance.now() < endAtMs && !signal.aborted) {
      const kind = chooseOperation(workload, random);
      const begunAtMs = performance.now();
      try {
        // oxlint-disable-next-line no-await-in-loop -- a caller waits for its answer, that is what is measured
        await operation(kind, random);
      } catch (error) {
        if (!(error instanceof TitanError)) throw error;
        errors.set(error.code, (errors.get(error.code) ?? 0) + 1);
        continue;
      }
      const latencyMs = performance.now() - begunAtMs;
      let histogram = histograms.get(kind);
      if (histogram === undefined) histograms.set(kind, (histogram = new LatencyHistogram()));
      histogram.add(latencyMs);
      all.add(latencyMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)));
  clearInterval(timer);
  return { tookMs: performance.now() - startedAtMs, histograms, all, errors };
}

function operationRunner(
  options: MeasurementOptions,
): (kind: OperationKind, random: () => number) => Promise<unknown> {
  const { client, workload, keyCount, prefix, valueBytes, seed } = options;
  const choose = keyChooserOf(workload, seededRandom(seed), keyCount);
  const makeValue = valueMaker(valueBytes, seededRandom(seed));
  const keys = new InsertedKeys(keyCount);
  return async (kind, random) => {
    const key = keyOf(prefix, choose(keys.present));
    switch (kind) {
      case "read":
        return client.get(key);
      case "update":
        return client.put(key, makeValue());
      case "insert": {
        const inserted = keys.take();
        await client.put(keyOf(prefix, inserted), makeValue());
        keys.written(inserted);
        return undefined;
      }
      case "modify":
        await client.get(key);
        return client.put(key, makeValue());
      case "scan": {
        const limit = 1 + Math.floor(random() * maxScanEntries);
        let last: unknown;
        for await (const entry of client.scan({ prefix, start: key, limit })) last = entry;
        return last;
      }
    }
  };
}
