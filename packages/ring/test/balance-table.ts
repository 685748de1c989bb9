/**
 * The balance and movement table of README.md, computed. Members are named `node-0`, `node-1`, … and the newcomer takes
 * the next number; each figure is over sets of names as the table says, so that no lucky name decides.
 *
 *     node --conditions=@titan-kv/source packages/ring/test/balance-table.ts
 */

import { assignSlots, diff, diffSlots, HashRing, movedShare, SLOT_COUNT } from "@titan-kv/ring";

const sizes = [3, 5, 10, 20, 50];
const setCount = 20;
const cap = 1.05;

/** The table in Markdown. */
export function balanceTable(): string {
  const lines = [
    "| members | fullest / mean | worst | slots: fullest / mean | capped: fullest / mean | joining moves | ideal | capped | of that between old members |",
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...sizes.map(rowOf),
  ];
  return lines.join("\n");
}

function rowOf(size: number): string {
  const samples = Array.from({ length: setCount }, (_, set) => sampleOf(size, set));
  const mean = (pick: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + pick(sample), 0) / setCount;
  const cells = [
    String(size),
    mean((sample) => sample.ringLoad).toFixed(3),
    Math.max(...samples.map((sample) => sample.ringLoad)).toFixed(3),
    mean((sample) => sample.slotLoad).toFixed(3),
    mean((sample) => sample.cappedLoad).toFixed(3),
    percent(mean((sample) => sample.moved)),
    percent(1 / (size + 1)),
    percent(mean((sample) => sample.cappedMoved)),
    percent(mean((sample) => sample.cappedBetween)),
  ];
  return `| ${cells.join(" | ")} |`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

interface Sample {
  readonly ringLoad: number;
  readonly slotLoad: number;
  readonly cappedLoad: number;
  readonly moved: number;
  readonly cappedMoved: number;
  readonly cappedBetween: number;
}

function sampleOf(size: number, set: number): Sample {
  const newcomer = `set-${set}-node-${size}`;
  const ring = new HashRing(Array.from({ length: size }, (_, index) => `set-${set}-node-${index}`));
  const grown = ring.add(newcomer);
  const capped = assignSlots(ring, { maxLoad: cap });
  const cappedMoves = diffSlots(capped, assignSlots(grown, { maxLoad: cap }));
  const slots = (moves: typeof cappedMoves): number =>
    moves.reduce((sum, move) => sum + move.slots.length, 0) / SLOT_COUNT;
  const fullest = (counts: Map<string, number>): number => (Math.max(...counts.values()) / SLOT_COUNT) * size;
  return {
    ringLoad: Math.max(...ring.ownership().values()) * size,
    slotLoad: fullest(assignSlots(ring).counts()),
    cappedLoad: fullest(capped.counts()),
    moved: movedShare(diff(ring, grown)),
    cappedMoved: slots(cappedMoves),
    cappedBetween: slots(cappedMoves.filter((move) => move.to !== newcomer)),
  };
}

if (import.meta.main) console.log(balanceTable());
