import { describe, expect, it } from "vitest";
import { ringErrorOf } from "../test/thrown.ts";
import { murmur3Ascii, murmur3Bytes, murmur3Utf8, NEVER, NOT_PLAIN } from "./murmur3.ts";

function hashOf(text: string, seed: number): number {
  const bytes = new TextEncoder().encode(text);
  return murmur3Bytes(bytes, 0, bytes.length, seed) >>> 0;
}

/** The hash as publications write it. */
function unsigned(hash: number): number {
  return hash === NOT_PLAIN ? hash : hash >>> 0;
}

describe("murmur3Bytes", () => {
  it("has the verification value that SMHasher publishes for MurmurHash3_x86_32", () => {
    // Hashes of the keys {}, {0}, {0,1}, … under the seeds 256, 255, …, then the hash of all those hashes: every length
    // up to 255 and as many seeds take part.
    const hashes = new DataView(new ArrayBuffer(256 * 4));
    const key = Uint8Array.from({ length: 256 }, (_, index) => index);
    for (let length = 0; length < 256; length++) {
      hashes.setUint32(length * 4, murmur3Bytes(key, 0, length, 256 - length), true);
    }
    expect(unsigned(murmur3Bytes(new Uint8Array(hashes.buffer), 0, 1024, 0))).toBe(0xb0f57ee3);
  });

  it.each([
    ["", 0, 0x00000000],
    ["", 1, 0x514e28b7],
    ["", 0xffffffff, 0x81f16f39],
    ["test", 0, 0xba6bd213],
    ["test", 0x9747b28c, 0x704b81dc],
    ["Hello, world!", 0, 0xc0363e43],
    ["Hello, world!", 0x9747b28c, 0x24884cba],
    ["The quick brown fox jumps over the lazy dog", 0, 0x2e4ff723],
    ["The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd],
    ["aaaa", 0x9747b28c, 0x5a97808a],
    ["aaa", 0x9747b28c, 0x283e0130],
    ["aa", 0x9747b28c, 0x5d211726],
    ["a", 0x9747b28c, 0x7fa09ea6],
    ["ππππππππ", 0x9747b28c, 0xd58063c1],
  ])("hashes %j with seed %i to the published value", (text, seed, hash) => {
    expect(hashOf(text, seed)).toBe(hash);
  });

  it.each([
    [[0x00], 0x514e28b7],
    [[0x00, 0x00], 0x30f4c306],
    [[0x00, 0x00, 0x00], 0x85f0b427],
    [[0x00, 0x00, 0x00, 0x00], 0x2362f9de],
    [[0xff, 0xff, 0xff, 0xff], 0x76293b50],
    [[0x21], 0x72661cf4],
    [[0x21, 0x43], 0xa0f7b07a],
    [[0x21, 0x43, 0x65], 0x7e4a8634],
    [[0x21, 0x43, 0x65, 0x87], 0xf55b516b],
  ])("hashes the bytes %j to the published value", (bytes, hash) => {
    expect(unsigned(murmur3Bytes(Uint8Array.from(bytes), 0, bytes.length, 0))).toBe(hash);
  });

  it("reads only the range it is given", () => {
    const bytes = new TextEncoder().encode("xxtestyy");
    expect(unsigned(murmur3Bytes(bytes, 2, 6, 0))).toBe(0xba6bd213);
  });
});

describe("murmur3Ascii", () => {
  it("hashes plain text, and a range of it, as its bytes", () => {
    for (let length = 0; length < 12; length++) {
      const text = "abcdefghijkl".slice(0, length);
      expect(unsigned(murmur3Ascii(text, 0, length, NEVER))).toBe(hashOf(text, 0));
      expect(unsigned(murmur3Ascii(`--${text}--`, 2, 2 + length, NEVER))).toBe(hashOf(text, 0));
    }
  });

  it("refuses a character beyond ASCII at any place", () => {
    for (let place = 0; place < 9; place++) {
      const text = `${"x".repeat(place)}\u0080${"x".repeat(8 - place)}`;
      expect(unsigned(murmur3Ascii(text, 0, text.length, NEVER))).toBe(NOT_PLAIN);
    }
    expect(unsigned(murmur3Ascii("\u007f".repeat(9), 0, 9, NEVER))).toBe(hashOf("\u007f".repeat(9), 0));
  });

  it("stops at the character it is told to stop at, at any place", () => {
    for (let place = 0; place < 9; place++) {
      const text = `${"x".repeat(place)}{${"x".repeat(8 - place)}`;
      expect(unsigned(murmur3Ascii(text, 0, text.length, 0x7b))).toBe(NOT_PLAIN);
      expect(unsigned(murmur3Ascii(text, 0, text.length, NEVER))).toBe(hashOf(text, 0));
    }
  });
});

describe("murmur3Utf8", () => {
  it("encodes characters of one to four bytes at every alignment", () => {
    for (const character of [
      "\u0000",
      "\u007f",
      "\u0080",
      "\u07ff",
      "\u0800",
      "\uffff",
      "\u{10000}",
      "\u{10ffff}",
    ]) {
      for (let before = 0; before < 5; before++) {
        for (let after = 0; after < 5; after++) {
          const text = "x".repeat(before) + character + "x".repeat(after);
          expect(unsigned(murmur3Utf8(text, 0, text.length))).toBe(hashOf(text, 0));
        }
      }
    }
  });

  it.each([
    ["a high surrogate at the end", "ab\ud800", 2],
    ["a high surrogate before another character", "\ud800b", 0],
    ["a high surrogate before another high one", "a\ud800\ud800\udc00", 1],
    ["a low surrogate alone", "abc\udc00", 3],
    ["a pair the wrong way round", "\udc00\ud800", 0],
  ])("refuses %s and says where", (_, text, index) => {
    const error = ringErrorOf(() => murmur3Utf8(text, 0, text.length));
    expect(error).toMatchObject({ code: "INVALID_KEY", field: "key" });
    expect(error.message).toContain(`at index ${index}`);
  });

  it("does not look beyond its range for the second half of a pair", () => {
    expect(ringErrorOf(() => murmur3Utf8("\ud800\udc00", 0, 1)).code).toBe("INVALID_KEY");
  });
});
