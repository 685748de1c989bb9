/** `titan cas`: writes a key only over the version that the user has seen. */
import { withClient } from "../connection/with-client.ts";
import { curlCommand, printExplanation } from "../connection/explain.ts";
import { resolveTarget } from "../connection/target.ts";
import { CliError, usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { printRecord } from "../output/printer.ts";
import { valueFrom } from "./value-input.ts";
import { reportWrite } from "./write-result.ts";

interface CasFlags {
  readonly file?: string;
  readonly expect?: string;
  readonly expectRevision?: number;
  readonly expectAbsent?: boolean;
}

/** Compares, then writes, atomically. @throws CliError CONDITION_FAILED when the key is not as expected. */
export async function compareAndSet(call: CommandCall<CasFlags>): Promise<ExitCode> {
  const { args, options, terminal } = call;
  const [key = "", word] = args;
  const { expect, expectRevision, expectAbsent } = options;
  if ([expect, expectRevision, expectAbsent].filter((each) => each !== undefined).length !== 1) {
    throw usageError("give one of --expect, --expect-revision and --expect-absent");
  }
  const value = await valueFrom(terminal, { word, file: options.file });
  if (options.explain === true) return explain(call, key, value);
  if (expect === undefined) {
    const condition = expectAbsent === true ? { ifAbsent: true } : { ifRevision: expectRevision };
    const result = await withClient(call, (client) => client.put(key, value, condition));
    return reportWrite(call, key, result);
  }
  const result = await withClient(call, (client) =>
    client.txn().ifValue(key, expect).put(key, value).otherwise().get(key).commit(),
  );
  const [first] = result.results;
  if (result.succeeded && first?.kind === "write") return reportWrite(call, key, first);
  const entry = first?.kind === "read" ? first.entry : undefined;
  if (options.output === "json" || options.output === "ndjson") {
    await printRecord(terminal, options.output, {
      text: "",
      json: { key, applied: false, revision: entry?.revision ?? 0, origin: result.origin },
    });
  }
  const found =
    entry === undefined ? "the key does not exist" : `the key has another value, revision ${entry.revision}`;
  throw new CliError("CONDITION_FAILED", `${JSON.stringify(key)} was not written: ${found}`, {
    nextStep: "read it again and decide anew",
  });
}

async function explain(
  { options, terminal }: CommandCall<CasFlags>,
  key: string,
  value: string | Uint8Array,
): Promise<ExitCode> {
  const { expect, expectRevision, expectAbsent } = options;
  const target = await resolveTarget(options, terminal.env);
  const base64 = Buffer.from(value).toString("base64");
  const condition = expectAbsent === true ? { ifAbsent: true } : { ifRevision: expectRevision };
  const call =
    expect === undefined
      ? { method: "titan.kv.v1.KvService/Put", body: { key, value: base64, condition } }
      : {
          method: "titan.kv.v1.KvService/Txn",
          body: { compare: [{ key, text: expect }], then: [{ put: { key, value: base64 } }] },
        };
  await printExplanation(terminal, curlCommand(target, call));
  return ExitCode.Ok;
}
