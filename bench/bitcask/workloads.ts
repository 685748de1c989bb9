import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { openEngine, type EngineName } from "./engines.ts";

/** Directory for a run's stores. Set BENCH_DIR to measure another disk. */
export function makeScratch(): string {
  return fs.mkdtempSync(path.join(process.env["BENCH_DIR"] ?? os.tmpdir(), "bitcask-bench-"));
}

const value = Buffer.alloc(256, "v");

export function keyOf(index: number): string {
  return `key-${String(index).padStart(12, "0")}`;
}

/** Puts per second when `callers` loops each wait for one put before the next. */
export async function durablePuts(name: EngineName, callers: number, durationMs: number): Promise<number> {
  const directory = makeScratch();
  const engine = await openEngine(name, directory, true);
  let count = 0;
  const start = performance.now();
  const loop = async (caller: number): Promise<void> => {
    for (let index = 0; performance.now() - start < durationMs; index++) {
      // oxlint-disable-next-line eslint/no-await-in-loop -- a caller that waits
      await engine.put(keyOf(caller * 1_000_000 + index), value);
      count++;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => loop(caller)));
  const perSecond = (count / (performance.now() - start)) * 1000;
  await engine.close();
  fs.rmSync(directory, { recursive: true });
  return perSecond;
}

/** Puts per second when nothing is synced and the caller waits only now and then, as a bulk load does. */
export async function unsyncedPuts(name: EngineName, count: number): Promise<number> {
  const directory = makeScratch();
  const engine = await openEngine(name, directory, false);
  const keys = Array.from({ length: count }, (_, index) => keyOf((index * 7_919) % count));
  const start = performance.now();
  for (let index = 0; index < count; index++) {
    const done = engine.put(keys[index] ?? "", value);
    // oxlint-disable-next-line eslint/no-await-in-loop -- bounds what is in flight
    if (index % 1000 === 999) await done;
  }
  await engine.settle();
  const perSecond = (count / (performance.now() - start)) * 1000;
  await engine.close();
  fs.rmSync(directory, { recursive: true });
  return perSecond;
}

/** Random reads per second of values that the page cache holds, the best of three rounds. */
export async function warmGets(name: EngineName, keys: number, gets: number): Promise<number> {
  const directory = makeScratch();
  const engine = await openEngine(name, directory, false);
  for (let index = 0; index < keys; index++) {
    const done = engine.put(keyOf(index), value);
    // oxlint-disable-next-line eslint/no-await-in-loop
    if (index % 1000 === 999) await done;
  }
  await engine.settle();
  const wanted = Array.from({ length: gets }, (_, index) => keyOf((index * 48_271) % keys));
  let best = 0;
  for (let round = 0; round < 3; round++) {
    let bytes = 0;
    const start = performance.now();
    for (const key of wanted) bytes += engine.getSync(key)?.length ?? 0;
    best = Math.max(best, (gets / (performance.now() - start)) * 1000);
    if (bytes !== gets * value.length) throw new Error(`${name} did not return every value`);
  }
  await engine.close();
  fs.rmSync(directory, { recursive: true });
  return best;
}
