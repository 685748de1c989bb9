/**
 * What the keydir costs in memory, and that it does not cost more the longer it is used.
 *
 * TITAN_KEYDIR_KEYS=10000000 runs the first two tests at the size for which the figures are promised.
 */
import { describe, expect, it } from "vitest";

import type { Keydir, KeydirMode } from "../src/keydir/keydir.ts";
import { createKeydir } from "../src/keydir/off-heap-keydir.ts";

const KEYS = Number(process.env["TITAN_KEYDIR_KEYS"] ?? 250_000);
const KEY_BYTES = 16;
/** Keys in the test of removal: enough chunks of memory that what stays of the last ones does not count. */
const REMOVED_KEYS = 300_000;
/** Memory comes in chunks of 2 MiB; at ten million keys that is nothing, at 250,000 it is eight bytes a key. */
const CHUNK_BYTES = 2 ** 21;

function writeKey(key: Uint8Array, n: number): void {
  for (let i = 0; i < 4; i++) key[i] = n >>> (i * 8);
}

/** A keydir of which key n is at offset n, so that fingerprint mode can be told any key. */
function makeKeydir(mode: KeydirMode, ordered = false): Keydir {
  return createKeydir({
    mode,
    ordered,
    seed: 77n,
    readKey: (_fileId, offset) => {
      const key = new Uint8Array(KEY_BYTES);
      writeKey(key, offset);
      return key;
    },
  });
}

/** Bytes a key, at worst, between half the keys and all of them: that covers every phase of a segment's growth. */
function worstBytesPerKey(keydir: Keydir): number {
  const key = new Uint8Array(KEY_BYTES);
  let worst = 0;
  for (let n = 0; n < KEYS; n++) {
    writeKey(key, n);
    keydir.set(key, { fileId: n >>> 16, offset: n, size: 200, seq: n + 1, expiresAtMs: 0 });
    if (n > KEYS / 2 && n % 1000 === 0) worst = Math.max(worst, (keydir.bytes - CHUNK_BYTES) / keydir.size);
  }
  return worst;
}

/** A generator of the same numbers for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("the keydir's memory", () => {
  it.each([
    { mode: "full" as const, ordered: false, limit: 40 + KEY_BYTES },
    { mode: "fingerprint" as const, ordered: false, limit: 28 },
    { mode: "full" as const, ordered: true, limit: 40 + KEY_BYTES + 16 },
  ])(
    "is at most $limit bytes a key of 16 bytes, at any moment of growth: $mode, ordered: $ordered",
    (options) => {
      expect(worstBytesPerKey(makeKeydir(options.mode, options.ordered))).toBeLessThanOrEqual(options.limit);
    },
  );

  it.each(["full", "fingerprint"] as const)(
    "goes back to the system when all keys are removed: %s",
    (mode) => {
      const keydir = makeKeydir(mode);
      const key = new Uint8Array(KEY_BYTES);
      for (let n = 0; n < REMOVED_KEYS; n++) {
        writeKey(key, n);
        keydir.set(key, { fileId: 1, offset: n, size: 200, seq: n + 1, expiresAtMs: 0 });
      }
      const full = keydir.bytes;
      for (let n = 0; n < REMOVED_KEYS; n++) {
        writeKey(key, n);
        if (!keydir.remove(key)) throw new Error("a key was gone before it was removed");
      }
      // One unused chunk is kept for the next who needs memory.
      expect(keydir.bytes - CHUNK_BYTES).toBeLessThan(full / 2);
      keydir.clear();
      expect(keydir.bytes).toBeLessThan(2 * CHUNK_BYTES);
    },
  );

  it("stays bounded while keys of all lengths come and go", () => {
    const seed = Number(process.env["TITAN_SEED"] ?? 20_261_122);
    console.log(`TITAN_SEED=${seed}`);
    const random = randomFrom(seed);
    const keydir = createKeydir({ mode: "full", seed: 3n });
    const live: { key: Buffer; bytes: number }[] = [];
    let seq = 0;
    let liveKeyBytes = 0;
    // Memory that was once needed is kept for later, so what is held is measured against the most that was needed.
    let mostKeyBytes = 0;
    let worst = 0;
    const LIVE = 50_000;
    for (let round = 0; round < 400_000; round++) {
      // The usual length drifts, so that freed room never quite fits what comes next.
      const usual = 8 + 56 * (0.5 + 0.5 * Math.sin(round / 20_000));
      const length = random() < 0.002 ? 4000 : Math.ceil(usual * (0.5 + random()));
      const key = Buffer.alloc(Math.max(8, length), 0x61);
      key.writeUInt32LE(round);
      keydir.set(key, { fileId: 1, offset: round, size: 1, seq: ++seq, expiresAtMs: random() < 0.1 ? 5 : 0 });
      liveKeyBytes += key.length;
      const added = { key, bytes: key.length };
      if (live.length < LIVE) {
        live.push(added);
        continue;
      }
      const replaced = Math.floor(random() * LIVE);
      const old = live[replaced] ?? added;
      keydir.remove(old.key);
      liveKeyBytes -= old.bytes;
      live[replaced] = added;
      mostKeyBytes = Math.max(mostKeyBytes, liveKeyBytes);
      if (round % 1000 === 0) worst = Math.max(worst, (keydir.bytes - mostKeyBytes - CHUNK_BYTES) / LIVE);
    }
    expect(keydir.size).toBe(LIVE);
    for (const { key } of live) if (keydir.find(key) === -1) throw new Error("a live key is gone");
    expect(worst).toBeLessThanOrEqual(40);
  });
});
