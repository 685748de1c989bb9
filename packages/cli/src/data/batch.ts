/** `titan batch` and `titan txn`: several operations from a document. */
import type { BatchResult, ReadResult, WriteResult } from "@titan-kv/client";
import { withClient } from "../connection/with-client.ts";
import { toJson } from "../output/printer.ts";
import { toJsonValue } from "../output/value-text.ts";
import { CliError, usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { toCliError } from "../program/failure-report.ts";
import { writeOut } from "../program/terminal.ts";
import { addTransaction, DocumentError, parseBatch, parseJson } from "./operation-document.ts";
import { entryJson } from "./origin-json.ts";
import { readInput } from "./value-input.ts";

const formatHelp = "`titan help exit-codes` and the README describe the format";

function resultJson(key: string, result: BatchResult<Uint8Array>): object {
  if (result.kind === "error") {
    const { code, outcome, message } = result.error;
    return { key, error: { code, outcome, message } };
  }
  return answerJson(key, result);
}

function answerJson(key: string, result: WriteResult<Uint8Array> | ReadResult<Uint8Array>): object {
  if (result.kind === "read") {
    return result.entry === undefined
      ? { key, found: false, origin: result.origin }
      : { found: true, ...entryJson(result.entry) };
  }
  const { applied, revision, existed, previous, origin } = result;
  const before = previous === undefined ? {} : { previous: toJsonValue(previous) };
  return { key, applied, revision, existed, ...before, origin };
}

function refuseExplain({ options }: CommandCall): void {
  if (options.explain === true)
    throw usageError("--explain is for single operations: get, put, del, cas, scan");
}

function asUsage(error: unknown): unknown {
  return error instanceof DocumentError
    ? new CliError("USAGE", error.message, { nextStep: formatHelp })
    : error;
}

/** Runs independent operations, one result per line, in their order. */
export async function batch(call: CommandCall): Promise<ExitCode> {
  refuseExplain(call);
  const { args, terminal } = call;
  const text = (await readInput(terminal, args[0] ?? "-")).toString("utf8");
  let operations;
  try {
    operations = parseBatch(text);
  } catch (error) {
    throw asUsage(error);
  }
  const results = await withClient(call, (client) => client.batch(operations));
  const lines = results.map((result, index) => `${toJson(resultJson(operations[index]!.key, result))}\n`);
  await writeOut(terminal, lines.join(""));
  const failed = results.filter((result) => result.kind === "error");
  const [first] = failed;
  if (first !== undefined) {
    const cause = toCliError(first.error);
    throw new CliError(
      cause?.code ?? "UNAVAILABLE",
      `${failed.length} of ${results.length} operations failed, the first with: ${first.error.message}`,
      { cause: first.error },
    );
  }
  const held = results.every((result) => result.kind !== "write" || result.applied);
  return held ? ExitCode.Ok : ExitCode.ConditionFailed;
}

/** Runs a transaction within one shard. */
export async function txn(call: CommandCall): Promise<ExitCode> {
  refuseExplain(call);
  const { args, terminal, options } = call;
  const text = (await readInput(terminal, args[0] ?? "-")).toString("utf8");
  const { document, keys } = readTransaction(text);
  const result = await withClient(call, (client) => {
    const builder = client.txn();
    try {
      addTransaction(builder, document);
    } catch (error) {
      throw asUsage(error);
    }
    return builder.commit();
  });
  const applied = result.succeeded ? keys.then : keys.else;
  const json = {
    succeeded: result.succeeded,
    results: result.results.map((each, index) => answerJson(applied[index] ?? "", each)),
    origin: result.origin,
  };
  await writeOut(terminal, `${toJson(json, options.output === "ndjson" ? undefined : 2)}\n`);
  return result.succeeded ? ExitCode.Ok : ExitCode.ConditionFailed;
}

interface OperationNames {
  readonly put?: string;
  readonly delete?: string;
  readonly get?: string;
}

function readTransaction(text: string): { document: unknown; keys: { then: string[]; else: string[] } } {
  try {
    const document = parseJson(text, "the transaction");
    const { then, else: otherwise } = document as { then?: OperationNames[]; else?: OperationNames[] };
    const keysOf = (list: OperationNames[] | undefined): string[] =>
      Array.isArray(list) ? list.map((each) => each?.put ?? each?.delete ?? each?.get ?? "") : [];
    return { document, keys: { then: keysOf(then), else: keysOf(otherwise) } };
  } catch (error) {
    throw asUsage(error);
  }
}
