/**
 * Changes to valid inputs. Random bytes are refused by the first check of any decoder; what finds faults is an input that
 * is right but for one place: a bit, a length, an end that is missing, a piece of another input.
 */
import type { FuzzInput, InputPart } from "./fuzz-target.ts";
import { below, pick, type Random } from "./random.ts";

/** Largest number of changes to one input. */
const maxChanges = 6;
/** Inputs do not grow beyond this, so that a run stays short. */
const maxPartBytes = 256 * 1024;
/** Share of inputs that are bytes without any sense. */
const noiseShare = 0.02;

/** Values at which arithmetic, or a comparison, is most likely to be wrong. */
const interesting = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x00ff_ffff];
const interestingWide = [...interesting, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

type Change = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

function copied(bytes: Buffer): Buffer {
  return Buffer.from(bytes);
}

/** A range of a buffer; short ones are more likely. */
function rangeIn(bytes: Buffer, random: Random): { start: number; end: number } {
  const start = below(random, bytes.length + 1);
  const most = random() < 0.7 ? Math.min(32, bytes.length - start) : bytes.length - start;
  return { start, end: start + below(random, most + 1) };
}

const flipBits: Change = (bytes, random) => {
  const result = copied(bytes);
  for (let flips = 1 + below(random, 4); flips > 0 && result.length > 0; flips -= 1) {
    const at = below(random, result.length);
    result[at] = result[at]! ^ (1 << below(random, 8));
  }
  return result;
};

const setByte: Change = (bytes, random) => {
  const result = copied(bytes);
  if (result.length > 0) result[below(random, result.length)] = pick(random, interesting) & 0xff;
  return result;
};

/** Writes a number where a length may stand: in each width and order, the ends of the range or near the real size. */
const setNumber: Change = (bytes, random) => {
  const result = copied(bytes);
  const width = pick(random, [2, 4, 6, 8]);
  if (result.length < width) return result;
  const at = below(random, result.length - width + 1);
  const nearby = [result.length, result.length - at, result.length - at - width].map((size) =>
    Math.max(0, size + below(random, 5) - 2),
  );
  const value = pick(random, random() < 0.5 ? nearby : interestingWide);
  const low = width === 2 ? value & 0xffff : value >>> 0;
  if (width === 2) {
    if (random() < 0.5) result.writeUInt16LE(low, at);
    else result.writeUInt16BE(low, at);
    return result;
  }
  const isBig = random() < 0.3;
  const high = random() < 0.5 ? 0 : pick(random, [1, 0x1f_ffff, 0xffff, 0xffff_ffff]);
  const first = isBig && width === 8 ? high : low;
  if (isBig) result.writeUInt32BE(first, at);
  else result.writeUInt32LE(first, at);
  if (width === 6) result.writeUInt16LE(high & 0xffff, at + 4);
  if (width === 8) {
    if (isBig) result.writeUInt32BE(low, at + 4);
    else result.writeUInt32LE(high, at + 4);
  }
  return result;
};

/** Puts a number of seven bits to a byte in the place of some bytes. */
const setVarint: Change = (bytes, random) => {
  const length = 1 + below(random, 11);
  const varint = Buffer.alloc(length, 0xff);
  varint[length - 1] = pick(random, [0, 1, 0x0f, 0x7f, 0xff]);
  const at = below(random, bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), varint, bytes.subarray(at + below(random, 3))]);
};

const truncate: Change = (bytes, random) => copied(bytes.subarray(0, below(random, bytes.length + 1)));

const extend: Change = (bytes, random) => {
  const more = Buffer.alloc(1 + below(random, 64), below(random, 2) * 0xff);
  if (random() < 0.5) for (let at = 0; at < more.length; at += 1) more[at] = below(random, 256);
  return Buffer.concat([bytes, more]);
};

const cut: Change = (bytes, random) => {
  const { start, end } = rangeIn(bytes, random);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
};

const repeat: Change = (bytes, random) => {
  const { start, end } = rangeIn(bytes, random);
  const piece = bytes.subarray(start, end);
  const copies = Array.from({ length: 1 + below(random, 4) }, () => piece);
  return Buffer.concat([bytes.subarray(0, end), ...copies, bytes.subarray(end)]);
};

const zero: Change = (bytes, random) => {
  const { start, end } = rangeIn(bytes, random);
  return copied(bytes).fill(0, start, end);
};

const move: Change = (bytes, random) => {
  const { start, end } = rangeIn(bytes, random);
  const rest = Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  const at = below(random, rest.length + 1);
  return Buffer.concat([rest.subarray(0, at), bytes.subarray(start, end), rest.subarray(at)]);
};

/** The beginning of one input with the end, or a piece, of another. */
const splice: Change = (bytes, random, other) => {
  if (random() < 0.5) {
    return Buffer.concat([
      bytes.subarray(0, below(random, bytes.length + 1)),
      other.subarray(below(random, other.length + 1)),
    ]);
  }
  const { start, end } = rangeIn(other, random);
  const at = below(random, bytes.length + 1);
  return Buffer.concat([
    bytes.subarray(0, at),
    other.subarray(start, end),
    bytes.subarray(at + below(random, 2) * (end - start)),
  ]);
};

const changes: readonly Change[] = [
  flipBits,
  flipBits,
  setByte,
  setNumber,
  setNumber,
  setVarint,
  truncate,
  extend,
  cut,
  repeat,
  zero,
  move,
  splice,
];

function noise(random: Random): Buffer {
  const bytes = Buffer.alloc(below(random, 300));
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = below(random, 256);
  return bytes;
}

/** A file that is missing, empty, twice there, or under the name of another. */
function changeParts(parts: InputPart[], random: Random): void {
  const at = below(random, parts.length);
  const part = parts[at]!;
  const other = pick(random, parts);
  switch (below(random, 4)) {
    case 0:
      parts.splice(at, 1);
      return;
    case 1:
      parts[at] = { name: part.name, bytes: Buffer.alloc(0) };
      return;
    case 2:
      parts[at] = { name: part.name, bytes: other.bytes };
      return;
    default:
      parts.push({
        name: part.name.replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10)),
        bytes: part.bytes,
      });
  }
}

/** An input that is like one of the seeds, but for some changes. */
export function mutate(seeds: readonly FuzzInput[], random: Random): FuzzInput {
  const seed = pick(random, seeds);
  if (random() < noiseShare) return seed.map(({ name }) => ({ name, bytes: noise(random) }));
  const parts = [...seed];
  for (let left = 1 + below(random, maxChanges); left > 0 && parts.length > 0; left -= 1) {
    if (parts.length > 1 && random() < 0.05) {
      changeParts(parts, random);
      continue;
    }
    const at = below(random, parts.length);
    const part = parts[at]!;
    const other = pick(random, pick(random, seeds)).bytes;
    const bytes = pick(random, changes)(part.bytes, random, other);
    parts[at] = { name: part.name, bytes: bytes.subarray(0, Math.max(maxPartBytes, part.bytes.length)) };
  }
  return parts;
}
