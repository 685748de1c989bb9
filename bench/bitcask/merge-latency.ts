import fs from "node:fs";
import path from "node:path";
import { Bitcask } from "@titan-kv/bitcask";
import { keyOf, makeScratch } from "./workloads.ts";

const value = Buffer.alloc(256, "m");
const callers = 16;

/** Latency of durable puts alone and beside a merge, and how often every byte is written in all. */
export async function measureMerge(keys: number): Promise<(string | number)[][]> {
  const directory = makeScratch();
  const db = await Bitcask.open(path.join(directory, "store"), {
    maxFileBytes: 32 * 1024 * 1024,
    merge: { auto: false },
  });
  for (let round = 0; round < 4; round++) {
    for (let index = 0; index < keys / 4; index++) {
      const done = db.put(keyOf(index), value, { sync: false });
      // oxlint-disable-next-line eslint/no-await-in-loop -- bounds what is in flight
      if (index % 1000 === 999) await done;
    }
  }
  await db.flush();
  const loggedBytes = db.stats().bytesWritten;
  const before = await putsWhile(db, new Promise((resolve) => setTimeout(resolve, 2000)));
  const merging = db.merge({ force: true });
  const during = await putsWhile(db, merging);
  const merged = await merging;
  const unpaced = await unpacedMerge(db, keys);
  const userBytes = keys * (16 + value.length);
  await db.close();
  fs.rmSync(directory, { recursive: true });
  return [
    ["alone", ...before],
    ["beside a merge", ...during],
    ["beside a merge without a rate", ...unpaced],
    ["log alone", loggedBytes / userBytes],
    ["log and one full merge", (loggedBytes + merged.bytesWritten) / userBytes],
  ];
}

async function unpacedMerge(db: Bitcask, keys: number): Promise<number[]> {
  for (let index = 0; index < keys / 4; index += 2) {
    const done = db.put(keyOf(index), value, { sync: false });
    // oxlint-disable-next-line eslint/no-await-in-loop
    if (index % 1000 === 0) await done;
  }
  await db.flush();
  const merging = db.merge({ force: true, maxBytesPerSecond: Number.POSITIVE_INFINITY });
  return putsWhile(db, merging);
}

/** Puts per second, median, 99th percentile and maximum of their latencies, until `end`. */
async function putsWhile(db: Bitcask, end: Promise<unknown>): Promise<number[]> {
  const latencies: number[] = [];
  const over = new AbortController();
  const start = performance.now();
  const loop = async (caller: number): Promise<void> => {
    for (let index = 0; !over.signal.aborted; index++) {
      const putAt = performance.now();
      // oxlint-disable-next-line eslint/no-await-in-loop -- a caller that waits
      await db.put(`side-${caller}-${index % 100}`, value);
      latencies.push(performance.now() - putAt);
    }
  };
  const loops = Array.from({ length: callers }, (_, caller) => loop(caller));
  await end;
  over.abort();
  await Promise.all(loops);
  const seconds = (performance.now() - start) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return [latencies.length / seconds, at(0.5), at(0.99), latencies.at(-1) ?? 0];
}
