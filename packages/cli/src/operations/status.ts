/** `titan status`: is the cluster well, and if not, what is wrong? */
import type { Alarm, GetStatusResponse, Topology } from "@titan-kv/proto";
import { leaderlessShards } from "../connection/diagnosis.ts";
import { resolveTarget } from "../connection/target.ts";
import { listingTable, toJson } from "../output/printer.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { paint, type Terminal, writeOut } from "../program/terminal.ts";
import { alarmWord } from "./cluster-words.ts";
import { fetchStatus } from "./fetch-topology.ts";
import { nodeListing } from "./nodes.ts";
import { metaShard, shardListing } from "./shards.ts";

/** What is wrong with the cluster, in sentences; nothing when all is well. */
export function troubles(response: GetStatusResponse & { topology: Topology }): string[] {
  const { topology, alarms } = response;
  const answering = new Set([topology.node, ...response.nodes.map(({ id }) => id)]);
  const silent = topology.nodes.filter(({ id }) => !answering.has(id));
  const leaderless = leaderlessShards(topology);
  return [
    ...silent.map(({ id, address }) => `node ${id} at ${address} does not answer`),
    ...leaderless.map(
      ({ shard, gone, replicas }) =>
        `${shard === metaShard ? "the meta group" : `shard ${shard}`} has no leader: ${gone} of its ${replicas} replicas are gone`,
    ),
    ...alarms.map((alarm) => `node ${alarm.node}: ${alarmWord(alarm)}: ${alarm.message}`),
  ];
}

function alarmJson(alarm: Alarm): object {
  const { node, shard, message, sinceMs } = alarm;
  return { kind: alarmWord(alarm), node, shard, message, sinceMs };
}

function describe(response: GetStatusResponse & { topology: Topology }, terminal: Terminal): string {
  const { topology } = response;
  const problems = troubles(response);
  const durability = [...new Set(response.nodes.map((node) => node.durability))].join(", ");
  const headline =
    problems.length === 0
      ? paint(terminal, "green", "all is well")
      : problems.map((problem) => paint(terminal, "red", problem)).join("\n");
  return [
    `cluster ${topology.clusterId}, epoch ${topology.epoch}, durability ${durability}, seen from node ${topology.node}`,
    headline,
    "",
    listingTable(nodeListing(response)),
    listingTable(shardListing(topology)),
    "replicas: * leads, ~ does not vote yet, +n is n entries behind, ! taken out of service",
  ].join("\n");
}

/** Prints nodes, shards and what is wrong. */
export async function printStatus({ options, terminal }: CommandCall): Promise<ExitCode> {
  const response = await fetchStatus(await resolveTarget(options, terminal.env), options.timeout);
  const format = options.output ?? "table";
  if (format === "table" || format === "raw") {
    await writeOut(terminal, `${describe(response, terminal)}\n`);
    return ExitCode.Ok;
  }
  const nodes = nodeListing(response);
  const shards = shardListing(response.topology);
  const json = {
    clusterId: response.topology.clusterId,
    epoch: response.topology.epoch,
    seenFrom: response.topology.node,
    troubles: troubles(response),
    alarms: response.alarms.map(alarmJson),
    nodes: nodes.items.map(nodes.json),
    shards: shards.items.map(shards.json),
  };
  await writeOut(terminal, `${toJson(json, format === "json" ? 2 : undefined)}\n`);
  return ExitCode.Ok;
}
