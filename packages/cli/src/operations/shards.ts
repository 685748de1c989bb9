import type { Shard, Topology } from "@titan-kv/proto";
import { resolveTarget } from "../connection/target.ts";
import { type Listing, printListing } from "../output/printer.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { replicaWords, slotCount, slotWords } from "./cluster-words.ts";
import { fetchStatus } from "./fetch-topology.ts";

/** The Raft group that holds the map of the cluster. */
export const metaShard = 0;

/** The shards of a cluster as a list to print. */
export function shardListing({ shards }: Topology): Listing<Shard> {
  return {
    columns: [
      { title: "shard", align: "right" },
      { title: "leader", align: "right" },
      { title: "replicas" },
      { title: "term", align: "right" },
      { title: "revision", align: "right" },
      { title: "slots", align: "right" },
    ],
    items: shards.toSorted((one, other) => one.id - other.id),
    cells: (shard) => [
      shard.id === metaShard ? "meta" : String(shard.id),
      shard.leader === 0 ? "none" : String(shard.leader),
      replicaWords(shard),
      String(shard.term),
      shard.id === metaShard ? "" : String(shard.revision),
      shard.id === metaShard ? "" : String(slotCount(shard.slots)),
    ],
    json: ({ id, leader, term, revision, appliedIndex, preferredLeader, slots, replicas }) => ({
      shard: id,
      leader,
      term,
      revision,
      appliedIndex,
      preferredLeader,
      slots: slotWords(slots),
      replicas: replicas.map(({ node, replica, matchIndex, lagEntries, fenced }) => ({
        node,
        replica,
        matchIndex,
        lagEntries,
        fenced,
      })),
    }),
  };
}

/** `titan shards`. */
export async function printShards({ options, terminal }: CommandCall): Promise<ExitCode> {
  const { topology } = await fetchStatus(await resolveTarget(options, terminal.env), options.timeout);
  await printListing(terminal, options.output ?? "table", shardListing(topology));
  return ExitCode.Ok;
}
