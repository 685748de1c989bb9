/** `titan snapshot restore` and `abandon`: a snapshot into an empty cluster, or out of it again. */
import { crc32 } from "node:zlib";
import type { RestoreSnapshotResponse } from "@titan-kv/proto";
import { unreachableReason } from "../connection/cluster-calls.ts";
import { resolveTarget, type Target } from "../connection/target.ts";
import { byteWords } from "../operations/cluster-words.ts";
import { printRecord } from "../output/printer.ts";
import { CliError, usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { Interruption } from "../program/interruption.ts";
import { ProgressBar } from "../program/progress-bar.ts";
import {
  isAnswer,
  type MaintenanceRpc,
  wentAway,
  withAnyNode,
  withMaintenance,
} from "./maintenance-client.ts";
import { readPieces, verifyFile } from "./snapshot-file.ts";

const begunStep = "run it again with --restart, or give it up with `titan snapshot abandon`";

/** How long a node may take to say that it is there, in milliseconds. */
const probeTimeoutMs = 5000;

/** Checks the whole file first, so that a damaged one changes nothing, then restores it. */
export async function restoreSnapshot({
  args,
  options,
  terminal,
}: CommandCall<{ readonly restart?: boolean }>): Promise<ExitCode> {
  const path = args[0]!;
  if (options.explain === true) throw usageError("--explain is for calls with one answer, not for snapshots");
  const target = await resolveTarget(options, terminal.env);
  using interruption = new Interruption(terminal, "stopping");
  const { signal } = interruption;
  const bar = new ProgressBar(terminal, "restoring");
  try {
    const { bytes: size, digest } = await verifyFile(path, bar, signal);
    const onPiece = (bytes: number): void => bar.update(bytes / size, byteWords(bytes));
    const url = await answeringNode(target, signal);
    const { keys, shards, revision } = await withMaintenance(url, target, (rpc) =>
      send(rpc, path, { restart: options.restart === true, size, signal, onPiece }),
    );
    bar.end("restored");
    await printRecord(terminal, options.output ?? "table", {
      text: `${keys} keys restored into ${shards} shards; new revisions are above ${revision}\nsha256 ${digest}`,
      json: { keys, shards, revision, sha256: digest },
    });
    return ExitCode.Ok;
  } catch (error) {
    bar.end("the restore did not finish");
    if (interruption.exitCode !== undefined) {
      terminal.stderr.write(`the cluster may be left closed; if it is, ${begunStep}\n`);
      return interruption.exitCode;
    }
    throw withNextStep(error);
  }
}

/** A node that answers. The restore itself is never sent twice: the second would meet the first. */
function answeringNode(target: Target, signal: AbortSignal): Promise<string> {
  return withAnyNode(
    target,
    async (rpc, url) => {
      await rpc.listAlarms({}, { signal, timeoutMs: probeTimeoutMs });
      return url;
    },
    signal,
  );
}

async function send(
  rpc: MaintenanceRpc,
  path: string,
  fields: {
    readonly restart: boolean;
    readonly size: number;
    readonly signal: AbortSignal;
    readonly onPiece: (bytes: number) => void;
  },
): Promise<RestoreSnapshotResponse> {
  const { restart, size, signal, onPiece } = fields;
  async function* requests(): AsyncGenerator<object, void> {
    let offset = 0;
    for await (const data of readPieces(path, signal, onPiece)) {
      const last = offset + data.length === size;
      yield { restart, chunk: { offset: BigInt(offset), data, checksum: crc32(data), last } };
      offset += data.length;
    }
  }
  return rpc.restoreSnapshot(requests(), { signal });
}

/** What to do about a restore that failed, by how far it got. */
function withNextStep(error: unknown): unknown {
  if (error instanceof CliError) return error;
  if (isAnswer(error)) {
    const isClosed =
      error.rawMessage.includes("stays closed") || error.rawMessage.includes("has not finished");
    return isClosed
      ? new CliError("NOT_ALLOWED", error.rawMessage, { cause: error, nextStep: begunStep })
      : error;
  }
  if (!wentAway(error)) return error;
  return new CliError("OUTCOME_UNKNOWN", `the node went away (${unreachableReason(error)})`, {
    cause: error,
    nextStep: `look with \`titan status\`; if the restore has not finished, ${begunStep}`,
  });
}

/** `titan snapshot abandon`: opens the cluster, empty. */
export async function abandonRestore({ options, terminal }: CommandCall): Promise<ExitCode> {
  const target = await resolveTarget(options, terminal.env);
  const { keys } = await withAnyNode(target, (rpc) => rpc.abandonRestore({}));
  await printRecord(terminal, options.output ?? "table", {
    text: `the restore was given up, ${keys} keys of it were taken away; the cluster is empty and serves`,
    json: { keys },
  });
  return ExitCode.Ok;
}
