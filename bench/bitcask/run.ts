/**
 * Compares the storage engine with others in one run on one machine, at equal durability:
 *
 *     node --conditions=@titan-kv/source bench/bitcask/run.ts [--quick] [--only puts,unsynced,gets,open,merge]
 *     node --conditions=@titan-kv/source bench/bitcask/run.ts --only open --keys 10000000
 *
 * Each measurement runs in a process of its own. BENCH_DIR says on which disk.
 */
import { spawnSync } from "node:child_process";
import os from "node:os";
import { parseArgs } from "node:util";
import type { EngineName } from "./engines.ts";
import { measureMerge } from "./merge-latency.ts";
import { measureOpen } from "./open-time.ts";
import { printTable } from "./table.ts";
import { durablePuts, unsyncedPuts, warmGets } from "./workloads.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "puts,unsynced,gets,open,merge" },
    keys: { type: "string", default: "1000000" },
    measure: { type: "string" },
  },
});

type Measurement = {
  readonly what: string;
  readonly engine?: EngineName;
  readonly amount: number;
  readonly more?: number;
};

async function measure({ what, engine = "bitcask", amount, more = 0 }: Measurement): Promise<unknown> {
  if (what === "puts") return durablePuts(engine, amount, more);
  if (what === "unsynced") return unsyncedPuts(engine, amount);
  if (what === "gets") return warmGets(engine, amount, more);
  if (what === "open") return measureOpen(amount, more === 1 ? "fingerprint" : "full");
  return measureMerge(amount);
}

/** In a fresh process, so that no engine inherits another's heap, compiled code or page cache pressure. */
function inChild(measurement: Measurement): unknown {
  const script = process.argv[1] ?? "";
  const child = spawnSync(
    process.execPath,
    [...process.execArgv, "--expose-gc", script, "--measure", JSON.stringify(measurement)],
    {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    },
  );
  if (child.status !== 0) throw new Error(`${JSON.stringify(measurement)} failed: ${child.stderr}`);
  return JSON.parse(child.stdout.trim().split("\n").at(-1) ?? "");
}

function rateOf(measurement: Measurement): number {
  return Number(inChild(measurement));
}

type Row = readonly (string | number)[];

function rowsOf(measurement: Measurement): Row[] {
  const rows = inChild(measurement);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the child printed is what measure() returned
  return rows as Row[];
}

const rounds = 3;
const engines: readonly EngineName[] = ["bitcask", "lmdb", "classic-level", "node:sqlite"];

/**
 * One row per engine with how many times as fast bitcask is. Engines take turns for several rounds and the best of each
 * counts: a neighbour on the machine slows one round down, not the same engine every time.
 */
function compare(
  title: string,
  names: readonly EngineName[],
  perSecond: (engine: EngineName) => number,
): void {
  const best = new Map(names.map((engine) => [engine, 0]));
  for (let round = 0; round < rounds; round++) {
    for (const engine of names) best.set(engine, Math.max(best.get(engine) ?? 0, perSecond(engine)));
  }
  const own = best.get("bitcask") ?? 0;
  printTable(
    `${title}, best of ${rounds}`,
    ["store", "per second", "bitcask is"],
    [...best].map(([engine, rate]) => [engine, rate, `${(own / rate).toFixed(2)} x`]),
  );
}

function runAll(): void {
  const wanted = values.only.split(",");
  const durationMs = values.quick ? 1000 : 4000;
  const scale = values.quick ? 0.2 : 1;
  console.log(
    `${os.cpus().length} cores (${os.cpus()[0]?.model}), Node ${process.version}, ${os.type()} ${os.release()}`,
  );
  if (wanted.includes("puts")) {
    for (const callers of [1, 64, 256]) {
      compare(`durable put of 256 B, ${callers} callers`, engines, (engine) =>
        rateOf({ what: "puts", engine, amount: callers, more: durationMs }),
      );
    }
  }
  if (wanted.includes("unsynced")) {
    compare("put of 256 B, not synced, waiting for every 1000th", engines, (engine) =>
      rateOf({ what: "unsynced", engine, amount: 1_000_000 * scale }),
    );
  }
  if (wanted.includes("gets")) {
    compare(
      "random get of 256 B, warm, 200,000 keys",
      ["bitcask", "lmdb", "lmdb getBinaryFast", "classic-level", "node:sqlite"],
      (engine) => rateOf({ what: "gets", engine, amount: 200_000, more: 1_000_000 * scale }),
    );
  }
  if (wanted.includes("open")) {
    const rows = [0, 1].flatMap((more) =>
      rowsOf({ what: "open", amount: Number(values.keys) * scale, more }),
    );
    printTable(
      "opening",
      ["keydir", "keys", "with hints, s", "without hints, s", "keydir bytes per key", "plus key bytes"],
      rows,
    );
  }
  if (wanted.includes("merge")) {
    const rows = rowsOf({ what: "merge", amount: 400_000 * scale });
    printTable(
      "durable put of 256 B, 16 callers, while a merge runs",
      ["", "puts/s", "p50 ms", "p99 ms", "max ms"],
      rows.slice(0, 3),
    );
    printTable(
      "bytes written per byte put (256 B values, every key written four times, one full merge)",
      ["", "times"],
      rows.slice(3),
    );
  }
}

if (values.measure === undefined) runAll();
else {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by inChild
  console.log(JSON.stringify(await measure(JSON.parse(values.measure) as Measurement)));
}
