/**
 * Choosing replicas: distinct members met on the way clockwise from a position (Dynamo's preference list), spread over
 * zones.
 *
 * Walking alone may put all copies into one rack. So the walk goes in rounds: in the first every zone gives one member,
 * in the second every zone that has another gives it, and so on. Four replicas over two zones are then two and two,
 * not three and one, and any first n of the result are the answer for n.
 */

import type { RingPoints } from "./ring-points.ts";

/** The points to walk over and, for each rank, the number of its zone, counted from 0. */
export interface ReplicaWalk {
  readonly points: RingPoints;
  /** Zone number of each rank. Members without a zone have numbers of their own. */
  readonly zoneOfRank: Uint16Array;
  /** Number of different zones. */
  readonly zoneCount: number;
}

/**
 * Ranks of the replicas for the position that the point `start` owns, the owner first.
 * @param count at least 1; every member is listed when there are no more than that.
 */
export function replicaRanks(walk: ReplicaWalk, start: number, count: number): number[] {
  return count <= walk.zoneCount ? firstRound(walk, start, count) : allRounds(walk, start).slice(0, count);
}

/** All ranks, each once, in the order in which the walk clockwise from the point `start` meets them. */
export function* distinctRanks(walk: ReplicaWalk, start: number): Generator<number, void, undefined> {
  const { count, ranks } = walk.points;
  const seen = new Uint8Array(walk.zoneOfRank.length);
  let unseen = seen.length;
  for (let index = start; unseen > 0; index++) {
    const rank = ranks[index < count ? index : index - count]!;
    if (seen[rank] === 1) continue;
    seen[rank] = 1;
    unseen--;
    yield rank;
  }
}

/** One member of each zone, as many as are wanted. The usual case, so it stops early and keeps little. */
function firstRound(walk: ReplicaWalk, start: number, count: number): number[] {
  const { points, zoneOfRank } = walk;
  const zonesTaken = new Uint8Array(walk.zoneCount);
  const chosen: number[] = [];
  for (let index = start; chosen.length < count; index++) {
    const rank = points.ranks[index < points.count ? index : index - points.count]!;
    const zone = zoneOfRank[rank]!;
    if (zonesTaken[zone] === 1) continue;
    zonesTaken[zone] = 1;
    chosen.push(rank);
  }
  return chosen;
}

/** All members, by round: round n holds the n-th member of every zone that has so many, in the order of the walk. */
function allRounds(walk: ReplicaWalk, start: number): number[] {
  const metOfZone = new Uint32Array(walk.zoneCount);
  const rounds: number[][] = [];
  for (const rank of distinctRanks(walk, start)) {
    const zone = walk.zoneOfRank[rank]!;
    const round = metOfZone[zone]!;
    metOfZone[zone] = round + 1;
    if (round === rounds.length) rounds.push([]);
    rounds[round]!.push(rank);
  }
  return rounds.flat();
}

/** Numbers the zones of members; a member without a zone gets a number of its own. */
export function numberZones(zones: readonly (string | undefined)[]): {
  readonly zoneOfRank: Uint16Array;
  readonly zoneCount: number;
} {
  const numbers = new Map<string, number>();
  const zoneOfRank = new Uint16Array(zones.length);
  let zoneCount = 0;
  for (const [rank, zone] of zones.entries()) {
    const known = zone === undefined ? undefined : numbers.get(zone);
    const number = known ?? zoneCount++;
    if (zone !== undefined) numbers.set(zone, number);
    zoneOfRank[rank] = number;
  }
  return { zoneOfRank, zoneCount };
}
