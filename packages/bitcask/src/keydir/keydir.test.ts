import { describe, expect, it } from "vitest";

import { HalfSipHash } from "./key-hash.ts";
import type { Keydir, KeydirOptions } from "./keydir.ts";
import { createKeydir } from "./off-heap-keydir.ts";
import type { RecordPlace } from "./record-place.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

const keyOf = (n: number): Uint8Array => bytes(`key number ${n}`);

function place(seq: number, rest: Partial<RecordPlace> = {}): RecordPlace {
  return { fileId: 1, offset: seq * 100, size: 50, seq, expiresAtMs: 0, ...rest };
}

function placeOf(keydir: Keydir, key: string): RecordPlace | undefined {
  const entry = keydir.find(bytes(key));
  if (entry === -1) return undefined;
  return {
    fileId: keydir.fileIdAt(entry),
    offset: keydir.offsetAt(entry),
    size: keydir.sizeAt(entry),
    seq: keydir.seqAt(entry),
    expiresAtMs: keydir.expiresAtMsAt(entry),
  };
}

function fullKeydir(options: Partial<KeydirOptions> = {}): Keydir {
  return createKeydir({ mode: "full", seed: 42n, ...options });
}

describe("a keydir", () => {
  it("keeps the largest value of every field, next to the smallest of the others", () => {
    const keydir = fullKeydir();
    const zero: RecordPlace = { fileId: 0, offset: 0, size: 0, seq: 0, expiresAtMs: 0 };
    const largest: RecordPlace = {
      fileId: 2 ** 32 - 1,
      offset: 2 ** 40 - 1,
      size: 2 ** 32 - 1,
      seq: 2 ** 53 - 1,
      expiresAtMs: 2 ** 53 - 1,
    };
    for (const field of ["fileId", "offset", "size", "seq", "expiresAtMs"] as const) {
      const one = { ...zero, [field]: largest[field] };
      const others = { ...largest, [field]: 0 };
      keydir.set(bytes(`one ${field}`), one);
      keydir.set(bytes(`others ${field}`), others);
      expect(placeOf(keydir, `one ${field}`)).toEqual(one);
      expect(placeOf(keydir, `others ${field}`)).toEqual(others);
    }
  });

  it.each([
    ["fileId", 2 ** 32],
    ["offset", 2 ** 40],
    ["size", 2 ** 32],
    ["seq", 2 ** 53],
    ["expiresAtMs", 2 ** 53],
    ["offset", -1],
    ["seq", Number.NaN],
  ])("refuses %s = %d and changes nothing", (field, value) => {
    const keydir = fullKeydir();
    keydir.set(bytes("k"), place(1));
    expect(() => keydir.set(bytes("k"), place(2, { [field]: value }))).toThrow(RangeError);
    expect(() => keydir.relocate(bytes("k"), { ...place(1), [field]: value })).toThrow(RangeError);
    expect(placeOf(keydir, "k")).toEqual(place(1));
  });

  it("takes keys from 0 to 65,535 bytes, and refuses longer ones", () => {
    const keydir = fullKeydir();
    for (const length of [0, 1, 2, 3, 4000, 4096, 8192, 65_535]) {
      const key = new Uint8Array(length).fill(length);
      keydir.set(key, place(length + 1));
      const entry = keydir.find(key);
      expect(keydir.seqAt(entry)).toBe(length + 1);
      expect(keydir.keyAt(entry)).toEqual(key);
      expect(keydir.find(new Uint8Array(length + 1).fill(length))).toBe(-1);
    }
    expect(() => keydir.set(new Uint8Array(65_536), place(9))).toThrow(/65535 bytes/);
    expect(keydir.size).toBe(8);
  });

  it("finds a key within a larger buffer by start and end", () => {
    const keydir = fullKeydir();
    const buffer = bytes("..apple..");
    keydir.set(buffer, place(1), 2, 7);
    expect(placeOf(keydir, "apple")).toEqual(place(1));
    expect(keydir.find(bytes("xapple"), 1)).not.toBe(-1);
    expect(keydir.candidate(bytes("apples"), 0, 5)).not.toBe(-1);
    expect(keydir.relocate(bytes("-apple"), place(1, { fileId: 9 }), 1)).toBe(true);
    expect(keydir.setIfNewer(bytes("-apple"), place(2), 1)).toBe(true);
    expect(keydir.remove(bytes("-apple"), 2, 1)).toBe(true);
    expect(keydir.size).toBe(0);
  });

  it("copies keys: the caller may reuse its buffer", () => {
    const keydir = fullKeydir();
    const buffer = bytes("first");
    keydir.set(buffer, place(1));
    buffer.set(bytes("other"));
    expect(placeOf(keydir, "first")).toEqual(place(1));
    const copy = keydir.keyAt(keydir.find(bytes("first")));
    copy.fill(0);
    expect(placeOf(keydir, "first")).toEqual(place(1));
  });

  it("loads files in any order: setIfNewer keeps the highest sequence number", () => {
    const keydir = fullKeydir();
    expect(keydir.setIfNewer(bytes("k"), place(5))).toBe(true);
    expect(keydir.replaced.size).toBe(0);
    expect(keydir.setIfNewer(bytes("k"), place(4))).toBe(false);
    expect(keydir.setIfNewer(bytes("k"), place(5, { offset: 1 }))).toBe(false);
    expect(placeOf(keydir, "k")).toEqual(place(5));
    expect(keydir.setIfNewer(bytes("k"), place(6))).toBe(true);
    expect(keydir.replaced).toEqual(place(5));
  });

  it("takes snapshots at the highest sequence number, in whatever order they came", () => {
    const keydir = fullKeydir();
    keydir.set(bytes("a"), place(10));
    keydir.set(bytes("b"), place(5));
    const snapshot = keydir.snapshot();
    expect(snapshot.seq).toBe(10);
    expect(keydir.seqAt(snapshot.find(bytes("a")))).toBe(10);
    expect(keydir.seqAt(snapshot.find(bytes("b")))).toBe(5);
  });

  it("moves or removes an entry for a merge only if it was not written since", () => {
    const keydir = fullKeydir();
    keydir.set(bytes("k"), place(1));
    keydir.set(bytes("k"), place(2));
    expect(keydir.relocate(bytes("k"), place(1, { fileId: 7 }))).toBe(false);
    expect(keydir.remove(bytes("k"), 1)).toBe(false);
    expect(placeOf(keydir, "k")).toEqual(place(2));
    expect(keydir.relocate(bytes("k"), place(2, { fileId: 7 }))).toBe(true);
    expect(keydir.replaced).toEqual(place(2));
    expect([keydir.liveKeysIn(1), keydir.liveKeysIn(7)]).toEqual([0, 1]);
    expect(keydir.remove(bytes("k"), 2)).toBe(true);
    expect(keydir.relocate(bytes("k"), place(2))).toBe(false);
  });

  it("charges for an expiry only the keys that have one, and gives the bytes back when it goes", () => {
    const keydir = fullKeydir();
    for (let i = 0; i < 3000; i++) keydir.set(bytes(`key ${i}`), place(i + 1));
    const before = keydir.bytes;
    for (let round = 0; round < 20; round++) {
      const expiresAtMs = round % 2 === 0 ? 1_800_000_000_000 + round : 0;
      for (let i = 0; i < 3000; i += 3) keydir.set(bytes(`key ${i}`), place(10_000 + i, { expiresAtMs }));
      expect(placeOf(keydir, "key 3")?.expiresAtMs).toBe(expiresAtMs);
    }
    expect(keydir.bytes).toBeLessThanOrEqual(before * 2);
  });

  it("sized for a number of keys takes them without growing much, and more if they come", () => {
    const grown = fullKeydir();
    const sized = fullKeydir({ expectedKeys: 100_000 });
    for (let i = 0; i < 100_000; i++) {
      grown.set(bytes(`key number ${i}`), place(i + 1));
      sized.set(bytes(`key number ${i}`), place(i + 1));
    }
    expect(sized.bytes).toBeLessThan(grown.bytes * 1.15);
    for (let i = 0; i < 100_000; i += 97) expect(placeOf(sized, `key number ${i}`)?.seq).toBe(i + 1);
    for (let i = 100_000; i < 150_000; i++) sized.set(bytes(`key number ${i}`), place(i + 1));
    expect(sized.size).toBe(150_000);
    expect(placeOf(sized, "key number 149999")?.seq).toBe(150_000);
  });

  it("refuses options that exclude each other", () => {
    expect(() => createKeydir({ mode: "fingerprint", seed: 1n })).toThrow(/readKey/);
    const readKey = bytes.bind(undefined, "");
    expect(() => createKeydir({ mode: "fingerprint", ordered: true, seed: 1n, readKey })).toThrow(
      /full mode/,
    );
  });
});

/** Sends all keys to the same segment, so that it has to outgrow its limits. */
class OneRouteHash extends HalfSipHash {
  override update(key: Uint8Array, start: number, end: number): void {
    super.update(key, start, end);
    this.high = 0;
  }
}

describe("a keydir of which one segment must hold everything", () => {
  const parts = { hash: new OneRouteHash(1n), limits: { keysMax: 8, addressBits: 12 } };
  const KEYS = 5000;

  it("finds every key, and every saved key when a younger snapshot leaves its own to an older one", () => {
    const keydir = createKeydir({ mode: "full", seed: 1n }, parts);
    // The older one sees few keys: what is moved to it comes from a segment with wider addresses than its own.
    for (let n = 0; n < 50; n++) keydir.set(keyOf(n), place(n + 1));
    const older = keydir.snapshot();
    for (let n = 50; n < KEYS; n++) keydir.set(keyOf(n), place(n + 1));
    for (let n = 0; n < KEYS; n++) expect(keydir.seqAt(keydir.find(keyOf(n)))).toBe(n + 1);
    const younger = keydir.snapshot();
    for (let n = 0; n < KEYS; n++) keydir.set(keyOf(n), place(KEYS + n + 1));
    for (let n = 0; n < KEYS; n++) expect(keydir.seqAt(younger.find(keyOf(n)))).toBe(n + 1);
    younger.release();
    for (let n = 0; n < KEYS; n++) expect(keydir.remove(keyOf(n))).toBe(true);
    expect(keydir.size).toBe(0);
    for (let n = 0; n < 50; n++) expect(keydir.seqAt(older.find(keyOf(n)))).toBe(n + 1);
    expect(older.find(keyOf(50))).toBe(-1);
  });
});

describe("a keydir of fingerprints", () => {
  it("passes on what readKey throws, and has then changed nothing", () => {
    let failing = false;
    const keydir = createKeydir({
      mode: "fingerprint",
      seed: 1n,
      readKey: () => {
        if (failing) throw new Error("EIO");
        return bytes("k");
      },
    });
    keydir.set(bytes("k"), place(1));
    const snapshot = keydir.snapshot();
    failing = true;
    const entry = keydir.candidate(bytes("k"));
    expect(keydir.seqAt(entry)).toBe(1);
    expect(() => keydir.find(bytes("k"))).toThrow("EIO");
    expect(() => keydir.set(bytes("k"), place(2))).toThrow("EIO");
    expect(() => keydir.setIfNewer(bytes("k"), place(2))).toThrow("EIO");
    expect(() => keydir.remove(bytes("k"))).toThrow("EIO");
    expect(() => keydir.relocate(bytes("k"), place(1, { fileId: 2 }))).toThrow("EIO");
    expect(() => snapshot.find(bytes("k"))).toThrow("EIO");
    expect(() => keydir.keyAt(entry)).toThrow("EIO");
    failing = false;
    expect(placeOf(keydir, "k")).toEqual(place(1));
    expect(keydir.size).toBe(1);
    expect(keydir.set(bytes("k"), place(2))).toBe(true);
  });

  it("reads no record for nearly every key that is not there, and one for each that is", () => {
    let reads = 0;
    const keydir = createKeydir({
      mode: "fingerprint",
      seed: 99n,
      readKey: (_fileId, offset) => {
        reads++;
        return keyOf(offset);
      },
    });
    for (let n = 0; n < 50_000; n++) keydir.set(keyOf(n), place(n + 1, { offset: n }));
    expect(reads).toBeLessThan(20);
    reads = 0;
    for (let n = 0; n < 50_000; n++) expect(keydir.seqAt(keydir.find(keyOf(n)))).toBe(n + 1);
    expect(reads).toBeLessThan(50_020);
    reads = 0;
    for (let n = 50_000; n < 100_000; n++) expect(keydir.find(keyOf(n))).toBe(-1);
    expect(reads).toBeLessThan(20);
  });
});
