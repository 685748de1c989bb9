import { crc32 } from "node:zlib";

/** CRC-32 (the polynomial of zlib and Ethernet) of `bytes`, continued from `seed`. */
export function checksum(bytes: Uint8Array, seed: number = 0): number {
  return crc32(bytes, seed);
}

/**
 * The seed of an entry's checksum: it ties the bytes to their place in the log, so that an intact entry of another
 * group or index, put here by a disk that wrote to the wrong address, does not pass.
 */
export function entrySeed(group: number, index: number): number {
  return (
    (Math.imul(low(group) ^ high(group), 0x9e3779b1) + Math.imul(low(index) ^ high(index), 0x85ebca6b)) >>> 0
  );
}

function low(value: number): number {
  return value >>> 0;
}

function high(value: number): number {
  return Math.floor(value / 2 ** 32);
}
