import { apiValue, curlCommand, printExplanation } from "../connection/explain.ts";
import { resolveTarget } from "../connection/target.ts";
import { withClient } from "../connection/with-client.ts";
import { toJsonValue } from "../output/value-text.ts";
import { usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { valueFrom } from "./value-input.ts";
import { reportWrite } from "./write-result.ts";

/** Conditions as flags say them. */
export interface ConditionFlags {
  readonly ifAbsent?: boolean;
  readonly ifPresent?: boolean;
  readonly ifRevision?: number;
}

interface PutFlags extends ConditionFlags {
  readonly file?: string;
  readonly ttl?: number;
  readonly previous?: boolean;
}

/** @throws CliError USAGE for more than one condition. */
export function conditionOf(flags: ConditionFlags): ConditionFlags {
  const { ifAbsent, ifPresent, ifRevision } = flags;
  if ([ifAbsent, ifPresent, ifRevision].filter((each) => each !== undefined).length > 1) {
    throw usageError("give only one of --if-absent, --if-present and --if-revision");
  }
  return {
    ...(ifAbsent && { ifAbsent }),
    ...(ifPresent && { ifPresent }),
    ...(ifRevision !== undefined && { ifRevision }),
  };
}

/** The condition in the JSON of the API. */
export function apiCondition({ ifAbsent, ifPresent, ifRevision }: ConditionFlags): object {
  if (ifAbsent === true) return { condition: { ifAbsent: true } };
  if (ifPresent === true) return { condition: { ifAbsent: false } };
  return ifRevision === undefined ? {} : { condition: { ifRevision } };
}

/** `titan put <key> [value]`. */
export async function put(call: CommandCall<PutFlags>): Promise<ExitCode> {
  const { args, options, terminal } = call;
  const [key = "", word] = args;
  const condition = conditionOf(options);
  const value = await valueFrom(terminal, { word, file: options.file });
  if (options.explain === true) {
    const target = await resolveTarget(options, terminal.env);
    const payload = apiValue(toJsonValue(typeof value === "string" ? Buffer.from(value) : value));
    const ttl = options.ttl === undefined ? {} : { ttlMs: options.ttl };
    const body = { key, ...payload, ...ttl, ...apiCondition(condition) };
    await printExplanation(terminal, curlCommand(target, { method: "titan.kv.v1.KvService/Put", body }));
    return ExitCode.Ok;
  }
  const result = await withClient(call, (client) =>
    client.put(key, value, { ...condition, ttlMs: options.ttl, returnPrevious: options.previous === true }),
  );
  return reportWrite(call, key, result);
}
