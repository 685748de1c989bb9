import { applyMetaCommand } from "../../packages/server/src/meta/apply-meta-command.ts";
import { type ClusterMap, emptyClusterMap } from "../../packages/server/src/meta/cluster-map.ts";
import {
  decodeMetaCommand,
  encodeMetaCommand,
  type MetaCommand,
  MetaCommandError,
} from "../../packages/server/src/meta/meta-command.ts";
import { slotOwners } from "../../packages/server/src/meta/placement.ts";
import { nextPlacementStep } from "../../packages/server/src/meta/reconcile-placement.ts";
import { bytesOf, type FuzzTarget, single } from "../src/fuzz-target.ts";
import { changeJson } from "../support/json-changes.ts";

function description(id: number): {
  address: string;
  peerAddress: string;
  zone: string;
  weight: number;
  version: string;
} {
  return { address: `h${id}:4100`, peerAddress: `h${id}:4200`, zone: `z${id}`, weight: 1, version: "0.1.0" };
}

const found: MetaCommand = {
  type: "found",
  clusterId: "fuzz",
  replicationFactor: 3,
  nodes: [1, 2, 3].map((id) => ({ id, ...description(id) })),
};

const commands: readonly MetaCommand[] = [
  found,
  { type: "introduce", node: 2, token: "0123456789abcdef", description: description(2) },
  { type: "register", token: "0123456789abcdefg", description: description(4) },
  { type: "setNodeState", node: 2, state: "draining" },
  {
    type: "setReplicas",
    version: 1,
    shard: 1,
    replicas: [{ node: 1, replica: 4_294_967_297, role: "voter" }],
  },
  { type: "reseedReplica", shard: 1, node: 2 },
  { type: "reportMembers", shard: 1, members: [1, 2] },
  { type: "setPreferredLeader", shard: 1, node: 2 },
  { type: "replaceNode", node: 1, replacement: 2 },
];

function settled(map: ClusterMap): void {
  slotOwners(map);
  nextPlacementStep(map);
}

/** A command of the meta group, from another node or from the log. Applied to an empty map, and to one with nodes. */
export const metaCommand: FuzzTarget = {
  name: "meta-command",
  seeds: () => commands.map((command) => single(encodeMetaCommand(command))),
  vary(seed, random) {
    const bytes = bytesOf(seed);
    return single(
      Buffer.concat([bytes.subarray(0, 1), Buffer.from(changeJson(bytes.toString("utf8", 1), random))]),
    );
  },
  run(input) {
    const command = decodeMetaCommand(bytesOf(input));
    settled(applyMetaCommand(emptyClusterMap, command).map);
    const { map } = applyMetaCommand(emptyClusterMap, found);
    settled(applyMetaCommand(map, command).map);
  },
  isRefusal: (error) => error instanceof MetaCommandError,
};
