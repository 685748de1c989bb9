/**
 * Two choices behind the ring's index, measured: how wide a position should be, and how to find the point that owns one.
 *
 *     node bench/ring/point-search.ts
 *
 * It needs no build: the candidates are written out here.
 */

import { createHash } from "node:crypto";
import { callsPerSecond, printTable, type Subject } from "./measure.ts";

const virtualNodes = 150;

/** The first 53 bits of SHA-1: an exact double, and its top 32 bits are the narrow position. */
function widePosition(label: string): number {
  const digest = createHash("sha1").update(label).digest();
  return digest.readUInt32BE(0) * 2 ** 21 + (digest.readUInt32BE(4) >>> 11);
}

function sortedPoints(members: number, trial: number): { position: number; owner: number }[] {
  const points = [];
  for (let owner = 0; owner < members; owner++) {
    for (let index = 0; index < virtualNodes; index++) {
      points.push({ position: widePosition(`t${trial}-node-${owner}#${index}`), owner });
    }
  }
  return points.toSorted((left, right) => left.position - right.position);
}

function fullestOverMean(
  positions: readonly number[],
  owners: readonly number[],
  space: number,
  members: number,
): number {
  const shares = new Float64Array(members);
  let previous = (positions.at(-1) ?? 0) - space;
  for (const [index, position] of positions.entries()) {
    const owner = owners.at(index)!;
    shares[owner] = shares.at(owner)! + (position - previous) / space;
    previous = position;
  }
  return Math.max(...shares) * members;
}

function printWidths(): void {
  const rows = [10, 100, 1000].map((members) => {
    const trials = 5;
    let [narrow, wide, shared] = [0, 0, 0];
    for (let trial = 0; trial < trials; trial++) {
      const points = sortedPoints(members, trial);
      const owners = points.map((point) => point.owner);
      const positions = points.map((point) => point.position);
      const shortened = positions.map((position) => Math.floor(position / 2 ** 21));
      wide += fullestOverMean(positions, owners, 2 ** 53, members) / trials;
      narrow += fullestOverMean(shortened, owners, 2 ** 32, members) / trials;
      shared += (shortened.length - new Set(shortened).size) / trials;
    }
    return [
      String(members),
      String(members * virtualNodes),
      narrow.toFixed(5),
      wide.toFixed(5),
      shared.toFixed(1),
    ];
  });
  printTable(
    "Width of a position: fullest / mean",
    ["members", "points", "32 bits", "53 bits", "points that share a 32-bit position"],
    rows,
  );
}

/* eslint-disable typescript/no-unnecessary-type-assertion -- needed under noUncheckedIndexedAccess, which the linter does not see here */

/** First index whose position is at least `wanted`. */
function binarySearch(positions: Uint32Array | Float64Array, wanted: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (positions[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function bucketSearch(positions: Uint32Array, starts: Uint32Array, shift: number, wanted: number): number {
  let index = starts[wanted >>> shift]!;
  while (positions[index]! < wanted) index++;
  return index;
}

function bucketStarts(positions: Uint32Array, shift: number): Uint32Array {
  return Uint32Array.from({ length: 2 ** (32 - shift) }, (_, bucket) =>
    binarySearch(positions, bucket * 2 ** shift),
  );
}

/* eslint-enable typescript/no-unnecessary-type-assertion */

function printSearches(): void {
  const keys = Array.from({ length: 65_536 }, (_, index) => String(index));
  // Scattered and cheap to make, so that the search is most of what is measured.
  const wantedOf = (key: string): number =>
    Math.imul(key.length * 31 + key.charCodeAt(key.length - 1) + counter++, 0x9e3779b1) >>> 0;
  let counter = 0;
  const rows = [10, 100, 1000].map((members) => {
    const points = sortedPoints(members, 0).map((point) => point.position);
    const narrow = Uint32Array.from([...points.map((point) => Math.floor(point / 2 ** 21)), 2 ** 32 - 1]);
    const wide = Float64Array.from(points);
    const shifts = [0, 1, 2].map((extra) => 32 - Math.ceil(Math.log2(points.length)) - extra);
    const subjects: Subject[] = [
      { name: "nothing", call: wantedOf },
      { name: "binary, 32 bits", call: (key) => binarySearch(narrow, wantedOf(key)) },
      { name: "binary, 53 bits", call: (key) => binarySearch(wide, wantedOf(key) * 2 ** 21) },
      ...shifts.map((shift, extra): Subject => {
        const starts = bucketStarts(narrow, shift);
        return {
          name: `buckets x${2 ** extra}`,
          call: (key) => bucketSearch(narrow, starts, shift, wantedOf(key)),
        };
      }),
    ];
    const rates = callsPerSecond(subjects, keys);
    return [String(members), ...subjects.map(({ name }) => (1e9 / rates.get(name)!).toFixed(1))];
  });
  printTable(
    "Finding a point: nanoseconds a search, the making of a position included",
    ["members", "nothing", "binary, 32 bits", "binary, 53 bits", "buckets x1", "buckets x2", "buckets x4"],
    rows,
  );
}

printWidths();
printSearches();
