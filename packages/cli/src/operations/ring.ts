/** `titan ring`: the slots in order, and how evenly they are spread. */
import { SLOT_COUNT } from "@titan-kv/ring";
import { resolveTarget } from "../connection/target.ts";
import { printListing } from "../output/printer.ts";
import type { CommandCall } from "../program/command-host.ts";
import { ExitCode } from "../program/exit-code.ts";
import { slotCount } from "./cluster-words.ts";
import { fetchTopology } from "./fetch-topology.ts";
import { metaShard } from "./shards.ts";

interface Options {
  /** Every run of slots instead of one line per shard. */
  readonly ranges?: boolean;
}

const barWidth = 32;

/** Prints each shard's share, or each run of slots. */
export async function printRing({ options, terminal }: CommandCall<Options>): Promise<ExitCode> {
  const topology = await fetchTopology(await resolveTarget(options, terminal.env), options.timeout);
  const shards = topology.shards
    .filter(({ id }) => id !== metaShard)
    .toSorted((one, other) => one.id - other.id);
  const format = options.output ?? "table";
  if (options.ranges === true) {
    await printListing(terminal, format, {
      columns: [
        { title: "first", align: "right" },
        { title: "last", align: "right" },
        { title: "shard", align: "right" },
        { title: "leader", align: "right" },
      ],
      items: shards
        .flatMap(({ id, leader, slots }) =>
          slots.map(({ first, last }) => ({ first, last, shard: id, leader })),
        )
        .toSorted((one, other) => one.first - other.first),
      cells: ({ first, last, shard, leader }) => [first, last, shard, leader].map(String),
      json: (range) => range,
    });
    return ExitCode.Ok;
  }
  const largest = Math.max(1, ...shards.map(({ slots }) => slotCount(slots)));
  await printListing(terminal, format, {
    columns: [
      { title: "shard", align: "right" },
      { title: "slots", align: "right" },
      { title: "share", align: "right" },
      { title: "of the mean", align: "right" },
      { title: "" },
    ],
    items: shards.map(({ id, slots }) => ({ shard: id, slots: slotCount(slots), runs: slots.length })),
    cells: ({ shard, slots }) => [
      String(shard),
      String(slots),
      `${((slots / SLOT_COUNT) * 100).toFixed(1)} %`,
      ((slots * shards.length) / SLOT_COUNT).toFixed(3),
      "#".repeat(Math.round((slots / largest) * barWidth)),
    ],
    json: (share) => share,
  });
  return ExitCode.Ok;
}
