/** Changes of who is in the cluster and who leads: drain, remove, replace, transfer. */
import { isCancel, confirm } from "@clack/prompts";
import { callCluster } from "../connection/cluster-calls.ts";
import { resolveTarget } from "../connection/target.ts";
import { printRecord } from "../output/printer.ts";
import { CliError, usageError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { isInteractive, type Terminal } from "../program/terminal.ts";
import { metaShard } from "./shards.ts";

/** Drains wait at the node until others have taken over, which takes longer than other calls. */
const drainTimeoutMs = 15_000;

function idOf(text: string | undefined, what: string): number {
  const id = Number(text);
  if (text !== undefined && /^\d+$/.test(text) && Number.isSafeInteger(id) && id > 0) return id;
  throw usageError(`${JSON.stringify(text)} is not the id of a ${what}`, `\`titan ${what}s\` lists them`);
}

/** `titan drain <node>`: moves leadership away from a node, or lets it lead again. */
export async function drain({
  args,
  options,
  terminal,
}: CommandCall<{ readonly undo?: boolean }>): Promise<ExitCode> {
  const node = idOf(args[0], "node");
  const undo = options.undo === true;
  const target = await resolveTarget(options, terminal.env);
  const { stillLeading } = await callCluster(
    target,
    { timeoutMs: options.timeout ?? drainTimeoutMs, changes: true },
    (client, call) => client.drain({ node, undo }, call),
  );
  const drained =
    stillLeading.length === 0
      ? `node ${node} leads nothing; it can be stopped`
      : `node ${node} still leads shard ${stillLeading.join(", ")}: no other replica can`;
  await printRecord(terminal, options.output ?? "table", {
    text: undo ? `node ${node} may lead again` : drained,
    json: { node, undo, stillLeading },
  });
  if (!undo && stillLeading.length > 0) {
    throw new CliError("UNAVAILABLE", `node ${node} is not drained`, {
      nextStep: "bring the other replicas of these shards back, then drain again",
    });
  }
  return ExitCode.Ok;
}

async function askBefore(terminal: Terminal, question: string, isSure: boolean): Promise<void> {
  if (isSure) return;
  if (!isInteractive(terminal) || terminal.stdin.isTTY !== true) {
    throw usageError("this cannot be undone", "say --yes when there is nobody to ask");
  }
  const answer = await confirm({ message: question, initialValue: false });
  if (isCancel(answer) || !answer) throw new CliError("INTERRUPTED", "nothing was done");
}

/** `titan remove <node>`: takes a node out for ever. */
export async function remove({
  args,
  options,
  terminal,
}: CommandCall<{ readonly force?: boolean; readonly yes?: boolean }>): Promise<ExitCode> {
  const node = idOf(args[0], "node");
  const target = await resolveTarget(options, terminal.env);
  await askBefore(
    terminal,
    `Remove node ${node} for ever? Its replicas move to other nodes and its id is never used again.`,
    options.yes === true,
  );
  const force = options.force === true;
  await callCluster(target, { timeoutMs: options.timeout, changes: true }, (client, call) =>
    client.remove({ node, force }, call),
  );
  await printRecord(terminal, options.output ?? "table", {
    text: `node ${node} is leaving; \`titan status\` shows its replicas move away, then its process can be stopped`,
    json: { node, state: "leaving" },
  });
  return ExitCode.Ok;
}

/** `titan replace <node> <replacement>`: puts a joined node in the place of another one. */
export async function replace({
  args,
  options,
  terminal,
}: CommandCall<{ readonly yes?: boolean }>): Promise<ExitCode> {
  const node = idOf(args[0], "node");
  const replacement = idOf(args[1], "node");
  const target = await resolveTarget(options, terminal.env);
  await askBefore(
    terminal,
    `Replace node ${node} by node ${replacement}? Node ${node} leaves for ever.`,
    options.yes === true,
  );
  await callCluster(target, { timeoutMs: options.timeout, changes: true }, (client, call) =>
    client.replace({ node, replacement }, call),
  );
  await printRecord(terminal, options.output ?? "table", {
    text: `node ${replacement} takes the place of node ${node}`,
    json: { node, replacement },
  });
  return ExitCode.Ok;
}

/** `titan transfer <shard> [node]`: hands the leadership of a shard over. */
export async function transfer({ args, options, terminal }: CommandCall): Promise<ExitCode> {
  const shard = args[0] === "meta" ? metaShard : idOf(args[0], "shard");
  const toNode = args[1] === undefined ? 0 : idOf(args[1], "node");
  const target = await resolveTarget(options, terminal.env);
  const { leader } = await callCluster(
    target,
    { timeoutMs: options.timeout, changes: true },
    (client, call) => client.transferLeader({ shard, toNode }, call),
  );
  const name = shard === metaShard ? "the meta group" : `shard ${shard}`;
  await printRecord(terminal, options.output ?? "table", {
    text: leader === 0 ? `${name} elects a new leader` : `node ${leader} leads ${name}`,
    json: { shard, leader },
  });
  return ExitCode.Ok;
}
