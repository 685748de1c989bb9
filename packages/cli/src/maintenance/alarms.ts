/** `titan alarms`: what needs to be looked at. */
import { Alarm_Kind } from "@titan-kv/proto";
import { resolveTarget } from "../connection/target.ts";
import { explained } from "../connection/with-client.ts";
import { alarmWord, durationWords } from "../operations/cluster-words.ts";
import { printListing, printRecord } from "../output/printer.ts";
import { usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { note } from "../program/terminal.ts";
import { withAnyNode } from "./maintenance-client.ts";

/** How long the call may take, in milliseconds, unless the user says. */
const defaultTimeoutMs = 10_000;

/** Kinds as people type them: `no-space` for NO_SPACE. */
const kindNames: ReadonlyMap<string, Alarm_Kind> = new Map(
  Object.entries(Alarm_Kind).flatMap(([name, kind]) =>
    typeof kind === "number" && kind !== Alarm_Kind.UNSPECIFIED
      ? [[name.toLowerCase().replaceAll("_", "-"), kind]]
      : [],
  ),
);

function kindName(kind: Alarm_Kind): string {
  return [...kindNames].find(([, each]) => each === kind)?.[0] ?? "unknown";
}

/** Prints the alarms of all nodes that answer. */
export async function listAlarms({ options, terminal }: CommandCall): Promise<ExitCode> {
  const target = await resolveTarget(options, terminal.env);
  const timeoutMs = options.timeout ?? defaultTimeoutMs;
  try {
    const { alarms, silentNodes } = await withAnyNode(target, (rpc) => rpc.listAlarms({}, { timeoutMs }));
    const format = options.output ?? "table";
    if (alarms.length === 0 && format === "table") note(terminal, "no alarms");
    else {
      await printListing(terminal, format, {
        columns: [
          { title: "kind" },
          { title: "node", align: "right" },
          { title: "shard", align: "right" },
          { title: "for", align: "right" },
          { title: "what" },
        ],
        items: alarms,
        cells: ({ kind, node, shard, sinceMs, message }) => [
          kindName(kind),
          String(node),
          shard === 0 ? "" : String(shard),
          durationWords(Date.now() - Number(sinceMs)),
          message,
        ],
        json: (alarm) => {
          const { kind, node, shard, sinceMs, message } = alarm;
          return { kind: kindName(kind), word: alarmWord(alarm), node, shard, sinceMs, message };
        },
      });
    }
    if (silentNodes.length > 0) note(terminal, `nothing is known of node ${silentNodes.join(", ")}`);
    return ExitCode.Ok;
  } catch (error) {
    throw await explained(error, target);
  }
}

function whole(text: string, what: string): number {
  if (/^\d+$/.test(text) && Number(text) <= 0xffff_ffff) return Number(text);
  throw usageError(`${JSON.stringify(text)} is not the id of a ${what}`);
}

/** Tells a node that the cause of an alarm is gone. */
export async function clearAlarms({
  args,
  options,
  terminal,
}: CommandCall<{ readonly shard?: string }>): Promise<ExitCode> {
  const [name, nodeText] = args;
  const kind = kindNames.get(name!);
  if (kind === undefined)
    throw usageError(`there is no alarm ${name}`, `kinds are ${[...kindNames.keys()].join(", ")}`);
  const node = whole(nodeText!, "node");
  const shard = options.shard === undefined ? {} : { shard: whole(options.shard, "shard") };
  const target = await resolveTarget(options, terminal.env);
  const timeoutMs = options.timeout ?? defaultTimeoutMs;
  try {
    const { cleared } = await withAnyNode(target, (rpc) =>
      rpc.clearAlarm({ kind, node, ...shard }, { timeoutMs }),
    );
    await printRecord(terminal, options.output ?? "table", {
      text: cleared === 0 ? `node ${node} had no such alarm` : `${cleared} alarms of node ${node} cleared`,
      json: { cleared },
    });
    return ExitCode.Ok;
  } catch (error) {
    throw await explained(error, target);
  }
}
