/**
 * The points of a ring and the way to find one.
 *
 * Every member stands at many positions (virtual nodes), and a key belongs to the first point at or after its own
 * position, wrapping at the end. A binary search over the sorted positions takes eleven unpredictable branches for
 * 1,500 points, and more time than hashing a short key. Positions are hashes, hence evenly spread, so a table of equal
 * buckets that says where each begins leaves about half a step to walk.
 *
 * Two points of different members can share a position. They are ordered by their members' canonical order, the first
 * one owns the position, and since that order depends on the ids alone every machine decides alike.
 */

import { MAX_POINTS } from "./limits.ts";
import { hashKey } from "./ring-key.ts";
import { RingError } from "./ring-error.ts";
import type { RingMember } from "./ring-member.ts";

/** Largest position; the hash space has one more than this. */
export const MAX_POSITION = 0xffff_ffff;

/** Room for a member's rank beside the position in one exact double: 32 + 16 bits. */
const RANKS_PER_POSITION = 65_536;

/** Sorted points. A member is named by its rank: its index in the ring's canonical order. Treat the arrays as frozen. */
export interface RingPoints {
  /** Number of points, over all members. */
  readonly count: number;
  /** Positions ascending, and one more at the end, the largest possible, which stops every search. */
  readonly positions: Uint32Array;
  /** Rank of each point's owner; the one more at the end repeats the first, because the ring wraps there. */
  readonly ranks: Uint16Array;
  /** For each bucket the index of the first point at or after its start. */
  readonly bucketStarts: Uint32Array;
  /** A position's bucket is `position >>> bucketShift`. */
  readonly bucketShift: number;
}

/**
 * Number of points of a member: `virtualNodes` × weight, rounded (halves up), and at least 1 so that every member
 * stands on the ring.
 */
export function pointCountOf(member: RingMember, virtualNodes: number): number {
  return Math.max(1, Math.round(virtualNodes * member.weight));
}

/**
 * Computes the points of members in canonical order.
 * @throws RingError `LIMIT_EXCEEDED` when there are too many.
 */
export function buildPoints(members: readonly RingMember[], virtualNodes: number): RingPoints {
  let count = 0;
  for (const member of members) count += pointCountOf(member, virtualNodes);
  if (count > MAX_POINTS) {
    throw new RingError(
      "LIMIT_EXCEEDED",
      `These members have ${count} points, a ring holds at most ${MAX_POINTS}; lower virtualNodes or the weights.`,
      { field: "virtualNodes" },
    );
  }
  const sorted = sortedPoints(members, virtualNodes, count);
  const positions = new Uint32Array(count + 1);
  const ranks = new Uint16Array(count + 1);
  for (let index = 0; index < count; index++) {
    const point = sorted[index]!;
    positions[index] = Math.floor(point / RANKS_PER_POSITION);
    ranks[index] = point % RANKS_PER_POSITION;
  }
  positions[count] = MAX_POSITION;
  ranks[count] = ranks[0]!;
  return { count, positions, ranks, ...buildBuckets(positions, count) };
}

/**
 * Index of the point that owns a position. At the wrap it is `count`, whose rank repeats the first point's.
 * @param bits a position, as a signed or an unsigned 32-bit number.
 */
export function pointAt(points: RingPoints, bits: number): number {
  const position = bits >>> 0;
  let index = points.bucketStarts[position >>> points.bucketShift]!;
  while (points.positions[index]! < position) index++;
  return index;
}

/** @throws RingError `INVALID_ARGUMENT` when `position` is not an integer from 0 to 2^32 - 1. */
export function checkPosition(position: number): void {
  if (position >>> 0 === position) return;
  throw new RingError(
    "INVALID_ARGUMENT",
    `A position is an integer from 0 to ${MAX_POSITION}, not ${position}.`,
    {
      field: "position",
    },
  );
}

/** Points as position × 65536 + rank: sorting these numbers sorts by position, then by rank. */
function sortedPoints(members: readonly RingMember[], virtualNodes: number, count: number): Float64Array {
  const points = new Float64Array(count);
  let filled = 0;
  for (const [rank, member] of members.entries()) {
    const memberPoints = pointCountOf(member, virtualNodes);
    for (let index = 0; index < memberPoints; index++) {
      points[filled++] = hashKey(`${member.id}#${index}`) * RANKS_PER_POSITION + rank;
    }
  }
  return points.toSorted();
}

/** Two to four buckets for each point, a power of two: a search then takes less than half a step on average. */
function buildBuckets(
  positions: Uint32Array,
  count: number,
): { readonly bucketStarts: Uint32Array; readonly bucketShift: number } {
  const bits = 33 - Math.clz32(count);
  const bucketShift = 32 - bits;
  const bucketStarts = new Uint32Array(2 ** bits);
  let index = 0;
  for (let bucket = 0; bucket < bucketStarts.length; bucket++) {
    const start = (bucket << bucketShift) >>> 0;
    while (index < count && positions[index]! < start) index++;
    bucketStarts[bucket] = index;
  }
  return { bucketStarts, bucketShift };
}
