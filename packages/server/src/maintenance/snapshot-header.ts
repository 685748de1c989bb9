/** Reads what a snapshot says about itself. The block's checksum was right, so these bytes are what somebody wrote. */
import { z } from "zod";
import { SLOT_COUNT } from "@titan-kv/ring";
import type { ShardEnd, SnapshotEnd, SnapshotHeader } from "./snapshot-format.ts";

const count = z.number().int().nonnegative();
const slot = z
  .number()
  .int()
  .min(0)
  .max(SLOT_COUNT - 1);

const headerRules = z.object({
  clusterId: z.string(),
  savedAtMs: count,
  release: z.string(),
  shards: z.array(
    z.object({
      shard: z.number().int().positive(),
      appliedIndex: count,
      revision: count,
      logTimeMs: count,
      sessionsThroughMs: count,
      slots: z.array(z.object({ first: slot, last: slot })),
    }),
  ),
});
const shardEndRules = z.object({ shard: z.number().int().positive(), keys: count });
const endRules = z.object({ keys: count, sha256: z.string() });

function parse(content: Uint8Array): unknown {
  return JSON.parse(Buffer.from(content).toString("utf8"));
}

/** @throws Error when it is none, or its shards do not own every slot exactly once. */
export function parseHeader(content: Uint8Array): SnapshotHeader {
  const header = headerRules.parse(parse(content));
  const owners = new Uint8Array(SLOT_COUNT);
  for (const { slots } of header.shards) {
    for (const { first, last } of slots) for (let at = first; at <= last; at += 1) owners[at]! += 1;
  }
  const wrong = owners.findIndex((owned) => owned !== 1);
  if (wrong >= 0) throw new Error(`slot ${wrong} belongs to ${owners[wrong]} of its shards`);
  return header;
}

/** @throws Error when it is none. */
export function parseShardEnd(content: Uint8Array): ShardEnd {
  return shardEndRules.parse(parse(content));
}

/** @throws Error when it is none. */
export function parseEnd(content: Uint8Array): SnapshotEnd {
  return endRules.parse(parse(content));
}
