import { crc32 } from "node:zlib";

/**
 * CRC-32 (the zlib polynomial) of part of a buffer, continuing from `seed`. Native code wins on long inputs, but one
 * call into it costs more than checking a 16-byte header in JavaScript, so short ranges take the table.
 */
export function checksum(bytes: Uint8Array, start: number, end: number, seed: number): number {
  if (end - start <= shortRangeBytes) return checksumShort(bytes, start, end, seed);
  return crc32(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), seed);
}

/** Below this the table is faster than `subarray` plus a native call. */
const shortRangeBytes = 48;

const table: Int32Array = makeTable();

function makeTable(): Int32Array {
  const entries = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++)
      remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
    entries[byte] = remainder;
  }
  return entries;
}

/** The same function one byte at a time. */
function checksumShort(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let crc = ~seed;
  for (let at = start; at < end; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}
