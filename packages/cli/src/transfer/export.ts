/** `titan export`: keys and values of a range, byte for byte, with a checksum. */
import { withClient } from "../connection/with-client.ts";
import type { ReadFlags } from "../data/read-flags.ts";
import { readLevelOf } from "../data/read-level.ts";
import { byteWords } from "../operations/cluster-words.ts";
import { toJson } from "../output/printer.ts";
import { CliError, usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { Interruption } from "../program/interruption.ts";
import { ProgressBar } from "../program/progress-bar.ts";
import { note } from "../program/terminal.ts";
import { ContentSum } from "./content-sum.ts";
import { directoryTarget, type ExportTarget, fileTarget, stdoutTarget } from "./export-target.ts";

interface ExportFlags extends ReadFlags {
  readonly prefix?: string;
  readonly start?: string;
  readonly end?: string;
  readonly format?: "ndjson" | "directory";
}

/** How long a page of an export may take, in milliseconds, unless the user says: nodes may be changing leaders. */
const pageTimeoutMs = 30_000;

type Call = CommandCall<ExportFlags>;

interface Totals {
  records: number;
  bytes: number;
  readonly sum: ContentSum;
  readonly refused: { readonly key: string; readonly reason: string }[];
}

async function openTarget({ args, options, terminal }: Call): Promise<ExportTarget> {
  const [path = "-"] = args;
  const format = options.format ?? "ndjson";
  if (format === "directory") {
    if (path === "-") throw usageError("standard output is not a directory", "name a directory");
    return directoryTarget(path);
  }
  return path === "-" ? stdoutTarget(terminal) : fileTarget(path);
}

/** Exports a range. Nothing is left behind when it does not finish. */
export async function exportRecords(call: Call): Promise<ExitCode> {
  const { options, terminal, args } = call;
  if (options.explain === true) throw usageError("--explain is for single operations, not for exports");
  const target = await openTarget(call);
  const totals: Totals = { records: 0, bytes: 0, sum: new ContentSum(), refused: [] };
  using interruption = new Interruption(terminal, "stopping");
  const startedAtMs = performance.now();
  const bar = new ProgressBar(terminal, "exporting");
  try {
    await copy(call, target, totals, { bar, signal: interruption.signal });
    await target.finish();
  } catch (error) {
    bar.end("nothing was exported");
    await target.abandon();
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  }
  bar.end(`${totals.records} records exported`);
  report(call, totals, performance.now() - startedAtMs);
  const [first] = totals.refused;
  if (first === undefined) return ExitCode.Ok;
  throw new CliError(
    "REJECTS",
    `${totals.refused.length} keys cannot be file names, the first is ${JSON.stringify(first.key)}: ${first.reason}`,
    { nextStep: `export as lines of JSON instead: titan export ${args[0]}.ndjson` },
  );
}

async function copy(
  call: Call,
  target: ExportTarget,
  totals: Totals,
  { bar, signal }: { readonly bar: ProgressBar; readonly signal: AbortSignal },
): Promise<void> {
  const { options } = call;
  const { prefix, start, end, timeout } = options;
  const consistency = readLevelOf(options);
  const range = { prefix, start, end, consistency, signal, timeoutMs: timeout ?? pageTimeoutMs };
  await withClient(call, async (client) => {
    for await (const { entries } of client.scan(range).pages()) {
      const refused = await target.add(entries);
      const refusedKeys = new Set(refused.map(({ key }) => key));
      totals.refused.push(...refused);
      for (const { key, value } of entries) {
        if (refusedKeys.has(key)) continue;
        totals.records += 1;
        totals.bytes += value.length;
        totals.sum.add(key, value);
      }
      bar.update(undefined, `${totals.records} records, ${byteWords(totals.bytes)}`);
    }
  });
}

/** Standard output may be the export itself, so this goes where notes go, unless it is wanted as JSON. */
function report({ args, options, terminal }: Call, totals: Totals, tookMs: number): void {
  const { records, bytes, sum, refused } = totals;
  const isFree = (args[0] ?? "-") !== "-";
  if (isFree && (options.output === "json" || options.output === "ndjson")) {
    const json = {
      records,
      bytes,
      refused: refused.length,
      tookMs: Math.round(tookMs),
      checksum: sum.toString(),
    };
    terminal.stdout.write(`${toJson(json)}\n`);
    return;
  }
  const rate = Math.round(records / (tookMs / 1000));
  const text = `exported ${records} records, ${byteWords(bytes)}; ${(tookMs / 1000).toFixed(1)} s, ${rate}/s\nchecksum ${sum.toString()}`;
  if (isFree) terminal.stdout.write(`${text}\n`);
  else note(terminal, text);
}
