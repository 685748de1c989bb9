/** Which slot, shard and nodes a key belongs to. */
import { slotOf } from "@titan-kv/ring";
import type { Topology } from "@titan-kv/proto";
import { resolveTarget } from "../connection/target.ts";
import { printListing } from "../output/printer.ts";
import { CliError } from "../program/cli-error.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { fetchTopology } from "./fetch-topology.ts";

/** Where a key lives. */
export interface KeyPlace {
  readonly key: string;
  readonly slot: number;
  readonly shard: number;
  /** 0 when nobody leads the shard. */
  readonly leader: number;
  readonly leaderAddress: string;
  readonly replicas: readonly number[];
}

/** Looks a key up in the slot table. */
export function placeOf(key: string, topology: Topology): KeyPlace {
  const slot = slotOf(key);
  const shard = topology.shards.find(({ slots }) =>
    slots.some(({ first, last }) => slot >= first && slot <= last),
  );
  if (shard === undefined) {
    throw new CliError("UNAVAILABLE", `no shard owns slot ${slot} of ${JSON.stringify(key)}`, {
      nextStep: "try again; `titan shards` shows who owns what",
    });
  }
  return {
    key,
    slot,
    shard: shard.id,
    leader: shard.leader,
    leaderAddress: topology.nodes.find(({ id }) => id === shard.leader)?.address ?? "",
    replicas: shard.replicas.map(({ node }) => node),
  };
}

/** `titan lookup <keys...>`. */
export async function lookup({ args, options, terminal }: CommandCall): Promise<ExitCode> {
  const topology = await fetchTopology(await resolveTarget(options, terminal.env), options.timeout);
  await printListing(terminal, options.output ?? "table", {
    columns: [
      { title: "key" },
      { title: "slot", align: "right" },
      { title: "shard", align: "right" },
      { title: "leader", align: "right" },
      { title: "address" },
      { title: "replicas" },
    ],
    items: args.map((key) => placeOf(key, topology)),
    cells: ({ key, slot, shard, leader, leaderAddress, replicas }) => [
      key,
      String(slot),
      String(shard),
      leader === 0 ? "none" : String(leader),
      leaderAddress,
      replicas.join(" "),
    ],
    json: (place) => place,
  });
  return ExitCode.Ok;
}
