import type { GetStatusResponse, Node, NodeStatus, Topology } from "@titan-kv/proto";
import { resolveTarget } from "../connection/target.ts";
import { type Listing, printListing } from "../output/printer.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { byteWords, durationWords, stateWord } from "./cluster-words.ts";
import { fetchStatus } from "./fetch-topology.ts";

interface NodeRow {
  readonly node: Node;
  readonly status: NodeStatus | undefined;
  readonly leads: number;
  readonly holds: number;
  readonly isAlive: boolean;
}

function rowsOf({ nodes: statuses }: GetStatusResponse, topology: Topology): NodeRow[] {
  return topology.nodes.map((node) => {
    const status = statuses.find(({ id }) => id === node.id);
    return {
      node,
      status,
      leads: topology.shards.filter(({ leader }) => leader === node.id).length,
      holds: topology.shards.filter(({ replicas }) => replicas.some((each) => each.node === node.id)).length,
      isAlive: status !== undefined || node.id === topology.node,
    };
  });
}

/** The nodes of a cluster as a list to print. */
export function nodeListing(response: GetStatusResponse & { topology: Topology }): Listing<NodeRow> {
  const nowMs = Number(response.topology.nowMs);
  return {
    columns: [
      { title: "node", align: "right" },
      { title: "address" },
      { title: "state" },
      { title: "answers" },
      { title: "leads", align: "right" },
      { title: "replicas", align: "right" },
      { title: "keys", align: "right" },
      { title: "disk", align: "right" },
      { title: "memory", align: "right" },
      { title: "up", align: "right" },
      { title: "zone" },
      { title: "version" },
    ],
    items: rowsOf(response, response.topology),
    cells: ({ node, status, leads, holds, isAlive }) => [
      String(node.id),
      node.address,
      stateWord(node.state),
      isAlive ? "yes" : "no",
      String(leads),
      String(holds),
      status === undefined ? "" : String(status.keys),
      status === undefined ? "" : byteWords(status.diskBytes),
      status === undefined ? "" : byteWords(status.memoryBytes),
      status === undefined ? "" : durationWords(nowMs - Number(status.startedAtMs)),
      node.zone,
      node.version,
    ],
    json: ({ node, status, leads, holds, isAlive }) => ({
      node: node.id,
      address: node.address,
      peerAddress: node.peerAddress,
      state: stateWord(node.state),
      answers: isAlive,
      leads,
      replicas: holds,
      zone: node.zone,
      weight: node.weight,
      version: node.version,
      ...(status === undefined
        ? {}
        : {
            keys: status.keys,
            diskBytes: status.diskBytes,
            memoryBytes: status.memoryBytes,
            startedAtMs: status.startedAtMs,
            durability: status.durability,
          }),
    }),
  };
}

/** `titan nodes`. */
export async function printNodes({ options, terminal }: CommandCall): Promise<ExitCode> {
  const response = await fetchStatus(await resolveTarget(options, terminal.env), options.timeout);
  await printListing(terminal, options.output ?? "table", nodeListing(response));
  return ExitCode.Ok;
}
