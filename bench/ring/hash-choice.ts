/**
 * Why MurmurHash3_x86_32 and not XXH32: both written the same way for strings of ASCII, their speed by length of key
 * and how evenly they fill 16384 slots.
 *
 *     node bench/ring/hash-choice.ts
 *
 * It needs no build: the candidates are written out here.
 */

import { callsPerSecond, flat, printTable } from "./measure.ts";

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function blockAt(text: string, at: number): number {
  return (
    text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}

function murmur3(text: string): number {
  const blocksEnd = text.length & ~3;
  let state = 0;
  for (let at = 0; at < blocksEnd; at += 4) {
    const mixed = state ^ Math.imul(rotate(Math.imul(blockAt(text, at), 0xcc9e2d51), 15), 0x1b873593);
    state = (Math.imul(rotate(mixed, 13), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let at = text.length - 1; at >= blocksEnd; at--) tail = (tail << 8) | text.charCodeAt(at);
  let hash = state ^ Math.imul(rotate(Math.imul(tail, 0xcc9e2d51), 15), 0x1b873593) ^ text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;

function lane(accumulator: number, block: number): number {
  return Math.imul(rotate((accumulator + Math.imul(block, prime2)) | 0, 13), prime1);
}

function xxh32(text: string): number {
  let at = 0;
  let hash = prime5;
  if (text.length >= 16) {
    let [first, second, third, fourth] = [(prime1 + prime2) | 0, prime2 | 0, 0, -prime1 | 0];
    for (; at + 16 <= text.length; at += 16) {
      first = lane(first, blockAt(text, at));
      second = lane(second, blockAt(text, at + 4));
      third = lane(third, blockAt(text, at + 8));
      fourth = lane(fourth, blockAt(text, at + 12));
    }
    hash = (rotate(first, 1) + rotate(second, 7) + rotate(third, 12) + rotate(fourth, 18)) | 0;
  }
  hash = (hash + text.length) | 0;
  for (; at + 4 <= text.length; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(blockAt(text, at), prime3)) | 0, 17), prime4);
  }
  for (; at < text.length; at++) {
    hash = Math.imul(rotate((hash + Math.imul(text.charCodeAt(at), prime5)) | 0, 11), prime1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), prime2);
  hash = Math.imul(hash ^ (hash >>> 13), prime3);
  return hash ^ (hash >>> 16);
}

/** Standard deviations between the chi-square statistic over 16384 slots and its mean; chance stays within about 3. */
function slotDeviation(hash: (text: string) => number, keyOf: (index: number) => string): number {
  const slotCount = 16_384;
  const samples = 2 ** 20;
  const counts = new Uint32Array(slotCount);
  for (let index = 0; index < samples; index++) {
    const slot = hash(keyOf(index)) >>> 18;
    counts[slot] = counts.at(slot)! + 1;
  }
  const expected = samples / slotCount;
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return (statistic - (slotCount - 1)) / Math.sqrt(2 * (slotCount - 1));
}

// The published values of both for one input each: what is measured is the real thing.
if (murmur3("test") >>> 0 !== 0xba6bd213 || xxh32("abc") >>> 0 !== 0x32d153ff)
  throw new Error("a hash is wrong");

const candidates = [
  { name: "MurmurHash3_x86_32", call: murmur3 },
  { name: "XXH32", call: xxh32 },
];
const families: Record<string, (index: number) => string> = {
  "user:N": (index) => `user:${index}`,
  "12 digits": (index) => String(index).padStart(12, "0"),
  "node-N#M": (index) => `node-${index % 100}#${Math.floor(index / 100)}`,
  "36 characters": (index) => Math.imul(index, 0x9e3779b1).toString(16).padStart(9, "0").repeat(4),
  "72 characters": (index) => Math.imul(index, 0x9e3779b1).toString(16).padStart(9, "0").repeat(8),
};
printTable(
  "Millions of keys a second; chi-square over slots in standard deviations",
  ["keys", ...candidates.map(({ name }) => name), ...candidates.map(({ name }) => `${name}, spread`)],
  Object.entries(families).map(([name, keyOf]) => {
    const keys = flat(Array.from({ length: 65_536 }, (_, index) => keyOf(index)));
    const rates = callsPerSecond(candidates, keys);
    return [
      name,
      ...candidates.map((candidate) => (rates.get(candidate.name)! / 1e6).toFixed(1)),
      ...candidates.map((candidate) => slotDeviation(candidate.call, keyOf).toFixed(2)),
    ];
  }),
);
