/** `titan import`. */
import { basename } from "node:path";
import { fetchTopology } from "../operations/fetch-topology.ts";
import { byteWords } from "../operations/cluster-words.ts";
import { resolveTarget } from "../connection/target.ts";
import { explained, openClient } from "../connection/with-client.ts";
import { printRecord } from "../output/printer.ts";
import { CliError, usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { Interruption } from "../program/interruption.ts";
import { ProgressBar } from "../program/progress-bar.ts";
import { note, type Terminal } from "../program/terminal.ts";
import { sendChunk } from "./chunk-sender.ts";
import {
  type ImportProgress,
  readProgress,
  removeProgress,
  type SourceIdentity,
  stateFileOf,
  writeProgress,
} from "./import-state.ts";
import { ImportRun } from "./import-run.ts";
import { type ImportSource, openSource, type SourceFlags } from "./import-source.ts";
import { RejectsFile } from "./rejects-file.ts";
import type { Reject } from "./record.ts";

interface ImportFlags extends SourceFlags {
  readonly rejects?: string;
  readonly check?: boolean;
  readonly restart?: boolean;
  readonly concurrency?: number;
  readonly patience?: number;
}

/** Chunks of up to 500 records, or 1 MiB, that are under way at once. */
const defaultConcurrency = 16;
/** How long the cluster may be in trouble before the import gives up, in milliseconds. */
const defaultPatienceMs = 60_000;

type Call = CommandCall<ImportFlags>;

/** Imports a source, or with --check only reads it. */
export async function importRecords(call: Call): Promise<ExitCode> {
  const { args, options, terminal } = call;
  if (options.explain === true) throw usageError("--explain is for single operations, not for imports");
  if (args[0] === undefined && terminal.stdin.isTTY === true) {
    throw usageError("the source is missing", "name a file or a directory, or pipe records in");
  }
  const source = await openSource(args[0] ?? "-", options, terminal);
  const ending = options.check === true ? "check" : "rejects";
  const rejects = new RejectsFile(options.rejects ?? `${rejectsName(source)}.${ending}.ndjson`);
  try {
    return options.check === true ? await check(call, source, rejects) : await write(call, source, rejects);
  } finally {
    await rejects.close();
  }
}

function rejectsName({ identity }: ImportSource): string {
  return identity === undefined ? "stdin" : basename(identity.path);
}

/** Reads everything and writes nothing. */
async function check(call: Call, source: ImportSource, rejects: RejectsFile): Promise<ExitCode> {
  await rejects.resume(0);
  let records = 0;
  let rejected = 0;
  const found: Reject[] = [];
  for await (const item of source.read(undefined)) {
    if (item.found.type === "record") records += 1;
    if (item.found.type !== "reject") continue;
    rejected += 1;
    await rejects.add([item.found.reject]);
    if (found.length === 0) found.push(item.found.reject);
  }
  await printRecord(call.terminal, call.options.output ?? "table", {
    text: `${source.name} has ${records} records that can be imported; nothing was written`,
    json: { records, rejected, written: 0 },
  });
  return rejectionOutcome(rejected, found[0], rejects);
}

function rejectionOutcome(rejected: number, first: Reject | undefined, rejects: RejectsFile): ExitCode {
  if (rejected === 0) return ExitCode.Ok;
  const example = first === undefined ? "" : `, the first at ${first.place}: ${first.reason}`;
  throw new CliError("REJECTS", `${rejected} rejected${example}`, {
    nextStep: `${rejects.path} has them all with their reasons`,
  });
}

async function write(call: Call, source: ImportSource, rejects: RejectsFile): Promise<ExitCode> {
  const { options, terminal } = call;
  const target = await resolveTarget(options, terminal.env);
  const { clusterId } = await fetchTopology(target, options.timeout);
  const resumption = await Resumption.open(source, { options, clusterId, rejects }, terminal);
  await using client = await openClient(target, options.timeout).catch(async (error: unknown) => {
    throw await explained(error, target);
  });
  using interruption = new Interruption(terminal, "finishing what is under way; Ctrl-C again ends at once");
  const startedAtMs = performance.now();
  const bar = new ProgressBar(terminal, `importing ${source.name}`);
  let firstReject: Reject | undefined;
  const run = new ImportRun({
    read: source.read,
    send: (chunk) =>
      sendChunk(chunk, {
        client,
        patienceMs: options.patience ?? defaultPatienceMs,
        signal: interruption.signal,
      }),
    keepRejects: async (chunk) => {
      firstReject ??= chunk.rejects[0];
      await rejects.add(chunk.rejects);
      return rejects.bytes;
    },
    save: (progress) => resumption.save(progress),
    onProgress: ({ imported, bytesRead, rejected }) => {
      const share = source.totalBytes === undefined ? undefined : bytesRead / source.totalBytes;
      const rate = Math.round(
        (imported - resumption.importedBefore) / ((performance.now() - startedAtMs) / 1000),
      );
      bar.update(share, `${imported} records, ${rate}/s${rejected > 0 ? `, ${rejected} rejected` : ""}`);
    },
    signal: interruption.signal,
    concurrency: options.concurrency ?? defaultConcurrency,
    from: resumption.from,
  });
  try {
    await run.run();
  } catch (error) {
    bar.end(`stopped after ${run.progress.imported} records`);
    note(terminal, resumption.advice(run.progress));
    throw await explained(error, target);
  }
  if (interruption.exitCode !== undefined) {
    bar.end(`interrupted after ${run.progress.imported} records`);
    note(terminal, resumption.advice(run.progress));
    return interruption.exitCode;
  }
  await resumption.complete();
  bar.end(`${run.progress.imported} records imported`);
  await report(call, run.progress, {
    tookMs: performance.now() - startedAtMs,
    before: resumption.importedBefore,
  });
  return rejectionOutcome(run.progress.rejected, firstReject, rejects);
}

function report(
  { options, terminal }: Call,
  progress: ImportProgress,
  { tookMs, before }: { readonly tookMs: number; readonly before: number },
): Promise<void> {
  const { imported, importedBytes, rejected, sum } = progress;
  const rate = Math.round((imported - before) / (tookMs / 1000));
  const earlier = before > 0 ? `, ${before} of them by the earlier run` : "";
  return printRecord(terminal, options.output ?? "table", {
    text:
      `imported ${imported} records, ${byteWords(importedBytes)}${earlier}; ` +
      `${(tookMs / 1000).toFixed(1)} s, ${rate}/s\nchecksum ${sum}`,
    json: {
      imported,
      importedBytes,
      rejected,
      importedBefore: before,
      tookMs: Math.round(tookMs),
      checksum: sum,
    },
  });
}

/** What an earlier import has left, and what this one leaves. */
class Resumption {
  readonly from: ImportProgress | undefined;
  readonly #file: string | undefined;
  readonly #identity: SourceIdentity;

  private constructor(file: string | undefined, identity: SourceIdentity, from: ImportProgress | undefined) {
    this.#file = file;
    this.#identity = identity;
    this.from = from;
  }

  static async open(
    source: ImportSource,
    context: { readonly options: ImportFlags; readonly clusterId: string; readonly rejects: RejectsFile },
    terminal: Terminal,
  ): Promise<Resumption> {
    const { options, clusterId, rejects } = context;
    const { prefix, keyField, keyColumn, valueColumn, delimiter, include } = options;
    const settings = JSON.stringify([
      clusterId,
      source.format,
      rejects.path,
      { prefix, keyField, keyColumn, valueColumn, delimiter, include },
    ]);
    const identity = { path: "", version: "", ...source.identity, settings };
    const file = source.identity === undefined ? undefined : stateFileOf(identity, terminal.env);
    const found = file === undefined ? undefined : await readProgress(file, identity);
    const from = options.restart === true ? undefined : found;
    if (from !== undefined) {
      note(
        terminal,
        `going on after ${from.imported} records of an import that was interrupted; --restart begins anew`,
      );
    }
    await rejects.resume(from?.rejectsBytes ?? 0);
    return new Resumption(file, identity, from);
  }

  /** Records that an earlier import has written. */
  get importedBefore(): number {
    return this.from?.imported ?? 0;
  }

  async save(progress: ImportProgress): Promise<void> {
    if (this.#file !== undefined) await writeProgress(this.#file, this.#identity, progress);
  }

  async complete(): Promise<void> {
    if (this.#file !== undefined) await removeProgress(this.#file);
  }

  /** What to do after an import that did not finish. */
  advice({ imported, rejected }: ImportProgress): string {
    const done = `${imported} records are imported${rejected > 0 ? `, ${rejected} rejected` : ""}`;
    return this.#file === undefined
      ? `${done}; standard input cannot be resumed: run the import again from its beginning, which is safe`
      : `${done}; run the same command again to go on from there`;
  }
}
