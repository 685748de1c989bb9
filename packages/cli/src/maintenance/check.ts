/** `titan check`: every record on every disk, and the replicas against each other. */
import type { VerifyResponse } from "@titan-kv/proto";
import { resolveTarget } from "../connection/target.ts";
import { explained } from "../connection/with-client.ts";
import { printListing } from "../output/printer.ts";
import { CliError, usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { Interruption } from "../program/interruption.ts";
import { ProgressBar } from "../program/progress-bar.ts";
import { withAnyNode } from "./maintenance-client.ts";

/** What a check says about a replica, in a word. */
export function verdictOf({ damaged, repaired, diverged, compared, problem }: VerifyResponse): string {
  if (diverged) return "differs";
  if (damaged > repaired) return "damaged";
  if (problem !== "") return "not checked";
  if (!compared) return "not compared";
  return damaged > 0n ? "healed" : "sound";
}

/** Prints a line per replica; fails when something is left that needs attention. */
export async function checkCluster({
  options,
  terminal,
}: CommandCall<{ readonly node?: string }>): Promise<ExitCode> {
  const node = Number(options.node ?? "0");
  if (!/^\d+$/.test(options.node ?? "0") || node > 0xffff_ffff)
    throw usageError(`${options.node} is not a node`);
  const target = await resolveTarget(options, terminal.env);
  using interruption = new Interruption(terminal, "stopping");
  const { signal } = interruption;
  const bar = new ProgressBar(terminal, "checking");
  let items: VerifyResponse[];
  try {
    items = await withAnyNode(
      target,
      async (rpc) => {
        const done: VerifyResponse[] = [];
        for await (const message of rpc.verify({ node }, { signal })) {
          if (message.done) done.push(message);
          else
            bar.update(undefined, `node ${message.node}, shard ${message.shard}: ${message.records} records`);
        }
        return done;
      },
      signal,
    );
  } catch (error) {
    bar.end("the check did not finish");
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw await explained(error, target);
  }
  bar.end("checked");
  await printListing(terminal, options.output ?? "table", {
    columns: [
      { title: "node", align: "right" },
      { title: "shard", align: "right" },
      { title: "records", align: "right" },
      { title: "damaged", align: "right" },
      { title: "repaired", align: "right" },
      { title: "replica" },
    ],
    items,
    cells: (item) => [
      ...[item.node, item.shard, item.records, item.damaged, item.repaired].map(String),
      item.problem === "" ? verdictOf(item) : `${verdictOf(item)}: ${item.problem}`,
    ],
    json: (item) => {
      const { node: at, shard, records, damaged, repaired, compared, diverged, problem } = item;
      return {
        node: at,
        shard,
        records,
        damaged,
        repaired,
        compared,
        diverged,
        problem,
        verdict: verdictOf(item),
      };
    },
  });
  const bad = items.filter((item) => !["sound", "healed"].includes(verdictOf(item)));
  if (bad.length === 0) return ExitCode.Ok;
  throw new CliError("UNHEALTHY", `${bad.length} of ${items.length} replicas are not known to be sound`, {
    nextStep:
      "start the nodes that are away; `titan alarms` and docs/operations.md say what to do about the rest",
  });
}
