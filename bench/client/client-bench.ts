/**
 * What the client costs: operations a second, and processor time of the client's process for each, through one stream to a
 * node that does nothing but answer, or through a real cluster, for 1, 64 and 256 callers.
 *
 *     node --conditions=@titan-kv/source bench/client/client-bench.ts [seconds per row] [seeds of a cluster]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { connect, type TitanClient } from "@titan-kv/client";

const trivialNode = join(import.meta.dirname, "../../packages/client/test/support/trivial-node.ts");

type Client = TitanClient<string | Uint8Array, Uint8Array>;

const secondsPerRow = Number(process.argv[2] ?? 3);
const keys = Array.from({ length: 10_000 }, (_, index) => `user:${index}:profile`);
const value = new Uint8Array(100).fill(97);

const workloads = {
  put: (kv: Client, index: number) => kv.put(keys[index % keys.length]!, value),
  "put text": (kv: Client, index: number) =>
    kv.put(keys[index % keys.length]!, "a value of a usual length, as text"),
  get: (kv: Client, index: number) => kv.get(keys[index % keys.length]!),
} satisfies Record<string, (kv: Client, index: number) => Promise<unknown>>;

/** Runs callers that each wait for their answer, for a time; returns what was done and what it cost. */
async function measure(
  kv: Client,
  run: (kv: Client, index: number) => Promise<unknown>,
  callers: number,
  seconds: number,
): Promise<{ perSecond: number; cpuMicros: number }> {
  const endAtMs = performance.now() + seconds * 1000;
  let done = 0;
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let index = caller; performance.now() < endAtMs; index += callers) {
        await run(kv, index);
        done += 1;
      }
    }),
  );
  const elapsed = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: done / elapsed, cpuMicros: (user + system) / done };
}

/** The seeds to measure against, and what ends them. */
async function target(): Promise<{ seeds: string; stop: () => void }> {
  const given = process.argv[3];
  if (given !== undefined) return { seeds: given, stop: () => undefined };
  const node = spawn(process.execPath, ["--conditions=@titan-kv/source", trivialNode], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(node.stdout, "data")) as [Buffer];
  return { seeds: line.toString().trim(), stop: () => node.kill() };
}

const { seeds, stop } = await target();
const kv = await connect(seeds);
console.log("| work | callers | operations/s | client CPU per operation |");
console.log("| --- | ---: | ---: | ---: |");
for (const [name, run] of Object.entries(workloads)) {
  await measure(kv, run, 256, 1);
  for (const callers of [1, 64, 256]) {
    const { perSecond, cpuMicros } = await measure(kv, run, callers, secondsPerRow);
    const rate = Math.round(perSecond).toLocaleString("en-US");
    console.log(`| ${name} | ${callers} | ${rate} | ${cpuMicros.toFixed(2)} µs |`);
  }
}
await kv.close();
stop();
