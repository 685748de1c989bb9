/** `titan snapshot save`: all data of the cluster in a file. */
import { crc32 } from "node:zlib";
import { resolveTarget } from "../connection/target.ts";
import { explained } from "../connection/with-client.ts";
import { byteWords } from "../operations/cluster-words.ts";
import { printRecord } from "../output/printer.ts";
import { CliError, usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { Interruption } from "../program/interruption.ts";
import { ProgressBar } from "../program/progress-bar.ts";
import { type MaintenanceRpc, withAnyNode } from "./maintenance-client.ts";
import { PartialFile, summaryJson, summaryText, verifyFile } from "./snapshot-file.ts";

interface SaveFlags {
  readonly maxRate?: number;
  readonly overwrite?: boolean;
}

/** Saves a snapshot, then checks the file. Nothing is left behind when it does not finish. */
export async function saveSnapshot({ args, options, terminal }: CommandCall<SaveFlags>): Promise<ExitCode> {
  const path = args[0]!;
  if (options.explain === true) throw usageError("--explain is for calls with one answer, not for snapshots");
  const target = await resolveTarget(options, terminal.env);
  const file = await PartialFile.create(path, options.overwrite === true);
  using interruption = new Interruption(terminal, "stopping");
  const { signal } = interruption;
  const bar = new ProgressBar(terminal, "saving");
  try {
    // A node that goes away in the middle is replaced by the next one, which begins anew: its views are its own.
    const { maxRate = 0 } = options;
    await withAnyNode(target, (rpc) => receive(rpc, file, { maxRate, bar, signal }), signal);
    await file.finish();
  } catch (error) {
    bar.end("nothing was saved");
    await file.abandon();
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw await explained(error, target);
  }
  const summary = await verifyFile(path, bar, signal);
  bar.end("saved and checked");
  await printRecord(terminal, options.output ?? "table", {
    text: summaryText(path, summary),
    json: summaryJson(path, summary),
  });
  return ExitCode.Ok;
}

async function receive(
  rpc: MaintenanceRpc,
  file: PartialFile,
  fields: { readonly maxRate: number; readonly bar: ProgressBar; readonly signal: AbortSignal },
): Promise<void> {
  const { maxRate, bar, signal } = fields;
  await file.rewind();
  let bytes = 0;
  let isWhole = false;
  const messages = rpc.saveSnapshot({ maxBytesPerSecond: BigInt(maxRate) }, { signal });
  for await (const { chunk, keys, shards, shardsDone } of messages) {
    if (chunk === undefined || chunk.offset !== BigInt(bytes) || crc32(chunk.data) !== chunk.checksum) {
      throw new CliError("UNAVAILABLE", "a piece of the snapshot was lost or damaged on the way", {
        nextStep: "save again",
      });
    }
    await file.write(chunk.data, bytes);
    bytes += chunk.data.length;
    isWhole = chunk.last;
    bar.update(shards === 0 ? undefined : shardsDone / shards, `${keys} keys, ${byteWords(bytes)}`);
  }
  if (!isWhole) throw new CliError("UNAVAILABLE", "the snapshot ended too early", { nextStep: "save again" });
}
