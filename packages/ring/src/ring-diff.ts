import type { HashRing } from "./hash-ring.ts";

/** A contiguous part of the hash space that changes its owner. It never wraps. */
export interface RingMove {
  /** First position, inclusive. */
  readonly first: number;
  /** Last position, inclusive. */
  readonly last: number;
  /** Id of the member that owned it. */
  readonly from: string;
  /** Id of the member that owns it now. */
  readonly to: string;
}

/**
 * The exact ranges that change hands between two rings, ascending, each as long as it can be. A key moves if and only
 * if its position lies in one of them. The rings may differ in members, weights and virtual nodes.
 */
export function diff(from: HashRing, to: HashRing): RingMove[] {
  const oldRanges = from.ranges();
  const newRanges = to.ranges();
  const moves: { first: number; last: number; from: string; to: string }[] = [];
  let oldIndex = 0;
  let newIndex = 0;
  let first = 0;
  // Both lists cover the whole space, so they end together.
  while (oldIndex < oldRanges.length) {
    const old = oldRanges[oldIndex]!;
    const now = newRanges[newIndex]!;
    const last = Math.min(old.last, now.last);
    if (old.id !== now.id) {
      const previous = moves.at(-1);
      const continues = previous?.last === first - 1 && previous.from === old.id && previous.to === now.id;
      if (continues) previous.last = last;
      else moves.push({ first, last, from: old.id, to: now.id });
    }
    if (old.last === last) oldIndex++;
    if (now.last === last) newIndex++;
    first = last + 1;
  }
  return moves;
}

/** The share of the hash space, 0 … 1, that moves cover. Exact. */
export function movedShare(moves: readonly RingMove[]): number {
  let positions = 0;
  for (const { first, last } of moves) positions += last - first + 1;
  return positions / 2 ** 32;
}
