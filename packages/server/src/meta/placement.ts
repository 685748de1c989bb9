/**
 * Where things should be: which node holds which replica and which shard owns which slot. Pure functions of the map; what
 * they answer becomes true only when the meta group's log says so.
 */
import { assignSlots, HashRing, SLOT_COUNT } from "@titan-kv/ring";
import type { SlotRun } from "../shard/command.ts";
import {
  type ClusterMap,
  metaShard,
  type NodeRecord,
  nodeOfReplica,
  type ShardRecord,
  takesReplicas,
} from "./cluster-map.ts";

/** Voters of the meta group, at most: more would slow every change down and survive nothing that five do not. */
export const maxMetaVoters = 5;

/** A cap on the slots of one shard, as a multiple of the mean (consistent hashing with bounded loads). */
const maxSlotLoad = 1.05;

function ringOf(nodes: readonly NodeRecord[]): HashRing | undefined {
  if (nodes.length === 0) return undefined;
  return new HashRing(
    nodes.map(({ id, weight, zone }) => ({ id: `node-${id}`, weight, ...(zone === "" ? {} : { zone }) })),
  );
}

function idOf(name: string): number {
  return Number(name.slice(name.lastIndexOf("-") + 1));
}

/**
 * The nodes that should hold a shard: its preferred leader's node first, then the ring's walk from the shard's own
 * position, distinct zones before second copies in one zone.
 */
export function targetNodes(map: ClusterMap, shard: ShardRecord): number[] {
  if (shard.id === metaShard) return metaNodes(map);
  const candidates = map.nodes.filter(takesReplicas);
  const ring = ringOf(candidates);
  if (ring === undefined) return [];
  const walk = ring.getReplicas(`shard-${shard.id}`, candidates.length).map(idOf);
  const preferred = walk.includes(shard.preferredLeader) ? [shard.preferredLeader] : [];
  return spread(
    [...preferred, ...walk.filter((id) => !preferred.includes(id))],
    candidates,
    map.replicationFactor,
  );
}

/** The first `count` nodes of an order, passing over nodes in zones already used as long as there are others. */
function spread(order: readonly number[], nodes: readonly NodeRecord[], count: number): number[] {
  const zoneOf = new Map(nodes.map(({ id, zone }) => [id, zone === "" ? `node-${id}` : zone]));
  const chosen: number[] = [];
  const rest = [...order];
  while (chosen.length < count && rest.length > 0) {
    const used = new Set(chosen.map((id) => zoneOf.get(id)));
    const fresh = rest.findIndex((id) => !used.has(zoneOf.get(id)));
    chosen.push(...rest.splice(Math.max(fresh, 0), 1));
  }
  return chosen;
}

/**
 * Every node follows the meta group's log; one that leaves, until it is out of all other groups. A replica that still votes
 * can be elected, and a leader whose map stood still would take in and throw out members by it for as long as it leads.
 */
function metaNodes(map: ClusterMap): number[] {
  return map.nodes
    .filter(({ id, state }) => state !== "removed" && (state !== "leaving" || holdsData(map, id)))
    .map(({ id }) => id);
}

/** Whether a node is, or is meant to be, in a group other than the meta group. */
function holdsData(map: ClusterMap, node: number): boolean {
  return map.shards.some((shard) => shard.id !== metaShard && hasReplicaOn(shard, node));
}

/** Whether a shard has a replica on a node, or is meant to. */
export function hasReplicaOn({ replicas, members }: ShardRecord, node: number): boolean {
  return (
    replicas.some((replica) => replica.node === node) ||
    members.some((member) => nodeOfReplica(member) === node)
  );
}

/** The nodes that should vote in the meta group; the others learn. Voters stay voters as long as they can. */
export function metaVoters(map: ClusterMap): number[] {
  const candidates = map.nodes.filter(takesReplicas).map(({ id }) => id);
  const current = shardVoters(map).filter((id) => candidates.includes(id));
  const others = candidates.filter((id) => !current.includes(id)).toSorted((a, b) => a - b);
  return metaVotersAmong([...current, ...others]);
}

/** The first of the candidates, as many as should vote. */
export function metaVotersAmong(candidates: readonly number[]): number[] {
  // An even number of voters survives no more failures than one less; but of two nodes both must hold the map.
  const odd = candidates.length % 2 === 1 ? candidates.length : candidates.length - 1;
  return candidates.slice(0, Math.min(maxMetaVoters, Math.max(odd, Math.min(candidates.length, 2))));
}

function shardVoters(map: ClusterMap): number[] {
  const meta = map.shards.find(({ id }) => id === metaShard);
  return (meta?.replicas ?? []).filter(({ role }) => role === "voter").map(({ node }) => node);
}

/** The slots that each shard should own, by shard id. */
export function targetSlots(shards: readonly number[]): Map<number, SlotRun[]> {
  const ring = new HashRing(shards.map((id) => `shard-${id}`));
  const table = assignSlots(ring, { maxLoad: maxSlotLoad });
  const runs = new Map<number, SlotRun[]>(shards.map((id) => [id, []]));
  for (const { first, last, id } of table.ranges()) runs.get(idOf(id))?.push({ first, last });
  return runs;
}

/** The shard of every slot, as routing needs it; 0 for a slot that nobody owns. */
export function slotOwners(map: ClusterMap): Uint16Array {
  const owners = new Uint16Array(SLOT_COUNT);
  for (const shard of map.shards) {
    for (const { first, last } of shard.slots) owners.fill(shard.id, first, last + 1);
  }
  return owners;
}
