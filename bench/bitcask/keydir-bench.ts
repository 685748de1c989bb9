/**
 * Measures the keydir alone: finds, sets and removes a second, the longest pause while it grows, and bytes a key.
 *
 *     node --conditions=@titan-kv/source bench/bitcask/keydir-bench.ts [--keys 10000000] [--huge] [--map]
 *
 * `--huge` adds 100 million keys in fingerprint mode (about 3 GB); `--map` adds a JS Map of the same keys, as far as it goes.
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";

// @boundaries-ignore measures a part that the package does not export
import type { Keydir, KeydirMode } from "../../packages/bitcask/src/keydir/keydir.ts";
// @boundaries-ignore measures a part that the package does not export
import { createKeydir } from "../../packages/bitcask/src/keydir/off-heap-keydir.ts";

const KEY_BYTES = 16;
const HUGE_KEYS = 100_000_000;
const MAP_KEYS_MAX = 8_000_000;
/** The time of every operation is not taken one by one: the clock itself costs as much as an operation. */
const OPERATIONS_PER_SAMPLE = 64;

const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "10000000" },
    huge: { type: "boolean", default: false },
    map: { type: "boolean", default: false },
  },
});
const keyCount = Number(values.keys);

interface Row {
  readonly what: string;
  readonly perSecond?: number;
  readonly detail?: string;
}
const rows: Row[] = [];

/** Writes key number n: its bits are spread over the bytes, so that neither order nor common prefixes help or hurt. */
function writeKey(key: Uint8Array, n: number): void {
  const a = Math.imul(n + 1, 0x9e3779b1);
  const b = Math.imul(n ^ 0x5bd1e995, 0x85ebca6b);
  for (let i = 0; i < 4; i++) {
    const shift = i * 8;
    key[i] = a >>> shift;
    key[i + 4] = b >>> shift;
    key[i + 8] = n >>> shift;
    key[i + 12] = (a ^ b) >>> shift;
  }
}

/** A number below `count` that does not follow the order of insertion. */
function scattered(i: number, count: number): number {
  return (i * 7_368_787) % count;
}

interface Timing {
  readonly perSecond: number;
  /** Longest time that a few operations in a row took. */
  readonly longestMs: number;
  /** The same among those during which the system did not give the processor to another process: on a busy machine, the true figure. */
  readonly longestUndisturbedMs: number;
}

/** Runs the operation for 0 to count - 1. */
function timed(count: number, operation: (i: number) => void): Timing {
  let longestMs = 0;
  let longestUndisturbedMs = 0;
  let lastSwitches = contextSwitches();
  const begin = performance.now();
  let last = begin;
  for (let i = 0; i < count; i++) {
    operation(i);
    if (i % OPERATIONS_PER_SAMPLE !== 0) continue;
    const tookMs = performance.now() - last;
    const switches = contextSwitches();
    if (tookMs > longestMs) longestMs = tookMs;
    if (switches === lastSwitches && tookMs > longestUndisturbedMs) longestUndisturbedMs = tookMs;
    lastSwitches = switches;
    last = performance.now();
  }
  return { perSecond: (count / (performance.now() - begin)) * 1000, longestMs, longestUndisturbedMs };
}

function contextSwitches(): number {
  return process.resourceUsage().involuntaryContextSwitches;
}

function report(what: string, { perSecond, longestMs, longestUndisturbedMs }: Timing, detail = ""): void {
  const longest = `longest pause ${longestMs.toFixed(2)} ms, undisturbed ${longestUndisturbedMs.toFixed(2)} ms`;
  rows.push({ what, perSecond, detail: detail === "" ? longest : `${longest}; ${detail}` });
}

/** In fingerprint mode the number of the key is kept as the offset, so the "file" can be asked for the key without any memory. */
function makeKeydir(mode: KeydirMode, ordered: boolean): Keydir {
  const readBuffer = new Uint8Array(KEY_BYTES);
  return createKeydir({
    mode,
    ordered,
    seed: BigInt(`0x${Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex")}`),
    readKey: (_fileId, offset) => {
      writeKey(readBuffer, offset);
      return readBuffer;
    },
  });
}

function measureGrowth(keydir: Keydir, count: number, name: string): void {
  const key = new Uint8Array(KEY_BYTES);
  const place = { fileId: 1, offset: 0, size: 300, seq: 0, expiresAtMs: 0 };
  let worstBytesPerKey = 0;
  const result = timed(count, (n) => {
    writeKey(key, n);
    place.offset = n;
    place.seq = n + 1;
    keydir.set(key, place);
    // While there are few keys, rounding up to a chunk of memory shows; the worst is looked for in the second half.
    if (n >= count / 2 && n % 50_000 === 0)
      worstBytesPerKey = Math.max(worstBytesPerKey, keydir.bytes / keydir.size);
  });
  const perKey = (keydir.bytes / keydir.size).toFixed(2);
  report(
    `${name}: set ${count / 1e6} M new keys`,
    result,
    `${perKey} B a key, at worst ${worstBytesPerKey.toFixed(2)}`,
  );
}

function measure(mode: KeydirMode, ordered: boolean, count: number): void {
  const name = ordered ? `${mode}, ordered` : mode;
  const keydir = makeKeydir(mode, ordered);
  measureGrowth(keydir, count, name);
  const key = new Uint8Array(KEY_BYTES);
  const place = { fileId: 2, offset: 0, size: 300, seq: 0, expiresAtMs: 0 };
  let found = 0;
  const samples = Math.min(count, 5_000_000);
  const hits = timed(samples, (i) => {
    writeKey(key, scattered(i, count));
    if (keydir.find(key) !== -1) found++;
  });
  if (found !== samples) throw new Error(`found ${found} of ${samples} keys`);
  report(`${name}: find, hit`, hits);
  report(
    `${name}: find, miss`,
    timed(samples, (i) => {
      writeKey(key, count + i);
      if (keydir.find(key) !== -1) throw new Error("found a key that was never set");
    }),
  );
  report(
    `${name}: set, overwriting`,
    timed(samples, (i) => {
      const n = scattered(i, count);
      writeKey(key, n);
      place.offset = n;
      place.seq = count + i + 1;
      keydir.set(key, place);
    }),
  );
  if (ordered) measureScan(keydir, name);
  const snapshot = keydir.snapshot();
  const cursor = snapshot.cursor();
  report(
    `${name}: snapshot cursor`,
    timed(keydir.size, () => void cursor.next()),
  );
  report(
    `${name}: set, overwriting under a snapshot`,
    timed(samples, (i) => {
      const n = scattered(i, count);
      writeKey(key, n);
      place.offset = n;
      place.seq = 2 * count + i + 1;
      keydir.set(key, place);
    }),
  );
  report(
    `${name}: release of that snapshot`,
    timed(1, () => snapshot.release()),
  );
  report(
    `${name}: remove`,
    timed(samples, (i) => {
      writeKey(key, scattered(i, count));
      keydir.remove(key);
    }),
    "",
  );
}

function measureScan(keydir: Keydir, name: string): void {
  const cursor = keydir.ordered?.scan();
  report(
    `${name}: scan in order`,
    timed(Math.min(keydir.size, 2_000_000), () => void cursor?.next()),
  );
}

function measureMap(count: number): void {
  const map = new Map<string, { offset: number; size: number; seq: number }>();
  const key = Buffer.alloc(KEY_BYTES);
  report(
    `JS Map: set ${count / 1e6} M new keys`,
    timed(count, (n) => {
      writeKey(key, n);
      map.set(key.toString("latin1"), { offset: n, size: 300, seq: n });
    }),
  );
  report(
    "JS Map: get, hit",
    timed(Math.min(count, 5_000_000), (i) => {
      writeKey(key, scattered(i, count));
      // The result is used: otherwise the compiler leaves the lookup out.
      if (map.get(key.toString("latin1")) === undefined) throw new Error("a key is missing");
    }),
  );
}

console.log(`${KEY_BYTES} B keys, ${keyCount / 1e6} M of them; Node ${process.version}`);
const generation = timed(5_000_000, (n) => writeKey(new Uint8Array(0), n));
report("(making keys, included in all of the following)", generation);
measure("full", false, keyCount);
measure("fingerprint", false, keyCount);
measure("full", true, keyCount);
if (values.map) measureMap(Math.min(keyCount, MAP_KEYS_MAX));
if (values.huge) measureGrowth(makeKeydir("fingerprint", false), HUGE_KEYS, "fingerprint");

for (const { what, perSecond, detail } of rows) {
  const rate = perSecond === undefined ? "" : `${(perSecond / 1e6).toFixed(2).padStart(7)} M/s`;
  console.log(`${what.padEnd(52)} ${rate}   ${detail ?? ""}`);
}
