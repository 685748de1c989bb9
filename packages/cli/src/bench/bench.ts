/** `titan bench`. */
import { withClient } from "../connection/with-client.ts";
import { printable, renderTable } from "../output/table.ts";
import { toJson } from "../output/printer.ts";
import { usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { Interruption } from "../program/interruption.ts";
import { ProgressBar } from "../program/progress-bar.ts";
import { note, writeOut } from "../program/terminal.ts";
import type { LatencyHistogram } from "./latency-histogram.ts";
import { loadKeys, measure, type Measurement, removeKeys } from "./measurement.ts";
import { type Workload, type WorkloadName, workloadNamed } from "./workload.ts";

interface BenchFlags {
  readonly callers?: number;
  readonly duration?: number;
  readonly keys?: number;
  readonly valueBytes?: number;
  readonly seed?: number;
  readonly keep?: boolean;
}

const defaults = { callers: 64, durationMs: 10_000, keys: 10_000, valueBytes: 256 };
const barWidth = 40;

/** Loads keys, runs the workload, removes the keys, prints what was measured. */
export async function bench(call: CommandCall<BenchFlags>): Promise<ExitCode> {
  const { args, options, terminal } = call;
  if (options.explain === true) throw usageError("--explain is for single operations, not for measurements");
  const workload = workloadNamed((args[0] ?? "mixed") as WorkloadName);
  const seed = options.seed ?? 1;
  // Never a prefix of the user's: everything below it is removed afterwards.
  const prefix = `titan-bench/${process.pid}-${Date.now().toString(36)}/`;
  using interruption = new Interruption(terminal, "ending the measurement early");
  const settings = {
    workload,
    prefix,
    seed,
    callers: options.callers ?? defaults.callers,
    durationMs: options.duration ?? defaults.durationMs,
    keyCount: options.keys ?? defaults.keys,
    valueBytes: options.valueBytes ?? defaults.valueBytes,
    signal: interruption.signal,
  };
  const measurement = await withClient(call, async (client) => {
    const bar = new ProgressBar(terminal, `${workload.name}: ${workload.description}`);
    try {
      await loadKeys({
        ...settings,
        client,
        onProgress: (share, count) => bar.update(share, `loading: ${count} keys`),
      });
      const result = await measure({
        ...settings,
        client,
        onProgress: (share, count) => bar.update(share, `${count} operations`),
      });
      bar.end(`${workload.name}: ${result.all.count} operations`);
      return result;
    } finally {
      if (options.keep !== true) await removeKeys(client, prefix);
    }
  });
  const isMachine = options.output === "json" || options.output === "ndjson";
  const { callers, keyCount, valueBytes } = settings;
  const text = isMachine
    ? `${toJson(jsonOf(measurement, workload, { callers, keyCount, valueBytes, seed }), options.output === "json" ? 2 : undefined)}\n`
    : describe(measurement, workload, { callers, keyCount, valueBytes });
  await writeOut(terminal, text);
  if (options.keep === true) note(terminal, `the keys are kept; they begin with ${prefix}`);
  return interruption.exitCode ?? ExitCode.Ok;
}

function perSecond({ tookMs }: Measurement, histogram: LatencyHistogram): number {
  return Math.round(histogram.count / (tookMs / 1000));
}

function jsonOf(measurement: Measurement, workload: Workload, settings: object): object {
  const { histograms, all, errors, tookMs } = measurement;
  const part = (histogram: LatencyHistogram): object => ({
    perSecond: perSecond(measurement, histogram),
    ...histogram.summary(),
    histogram: histogram.doublings(),
  });
  return {
    workload: workload.name,
    ...settings,
    tookMs: Math.round(tookMs),
    all: part(all),
    operations: Object.fromEntries([...histograms].map(([kind, histogram]) => [kind, part(histogram)])),
    errors: Object.fromEntries(errors),
  };
}

function describe(
  measurement: Measurement,
  workload: Workload,
  settings: { readonly callers: number; readonly keyCount: number; readonly valueBytes: number },
): string {
  const { histograms, all, errors, tookMs } = measurement;
  const row = (name: string, histogram: LatencyHistogram): string[] => {
    const { count, meanMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = histogram.summary();
    const times = [meanMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map((timeMs) => timeMs.toFixed(2));
    return [name, String(count), String(perSecond(measurement, histogram)), ...times];
  };
  const columns = ["", "operations", "per second", "mean ms", "p50", "p90", "p99", "p99.9", "max"];
  const rows = [...histograms].map(([kind, histogram]) => row(kind, histogram));
  const table = renderTable(
    columns.map((title, index) => ({ title, align: index === 0 ? ("left" as const) : ("right" as const) })),
    rows.length > 1 ? [...rows, row("all", all)] : rows,
  );
  const failed = [...errors].map(([code, count]) => `${count} operations failed with ${printable(code)}\n`);
  return [
    `${workload.name}: ${workload.description}; ${settings.callers} callers, ${settings.keyCount} keys, ` +
      `${settings.valueBytes} bytes per value, ${(tookMs / 1000).toFixed(1)} s\n\n`,
    table,
    ...failed,
    "\n",
    histogramText(all),
  ].join("");
}

function histogramText(histogram: LatencyHistogram): string {
  const rows = histogram.doublings();
  const largest = Math.max(1, ...rows.map(({ count }) => count));
  return renderTable(
    [{ title: "up to ms", align: "right" }, { title: "operations", align: "right" }, { title: "" }],
    rows.map(({ upToMs, count }) => [
      upToMs.toFixed(3),
      String(count),
      "#".repeat(Math.ceil((count / largest) * barWidth)),
    ]),
  );
}
