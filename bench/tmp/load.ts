import { ClusterProcesses } from "../../packages/server/test/support/cluster-processes.ts";
import { connect } from "@titan-kv/client";
const cluster = await ClusterProcesses.start(3);
await new Promise((r) => setTimeout(r, 3000));
const callers = Number(process.argv[2] ?? 64),
  secs = Number(process.argv[3] ?? 5),
  mode = process.argv[4] ?? "put";
await using kv = await connect(cluster.nodes.map((n) => cluster.address(n.node)));
const value = new Uint8Array(256).fill(7);
let ops = 0,
  errs = 0;
const end = performance.now() + secs * 1000;
const lat: number[] = [];
const t0 = performance.now();
const cpu0 = process.cpuUsage();
await Promise.all(
  Array.from({ length: callers }, async (_, c) => {
    let i = 0;
    while (performance.now() < end) {
      const s = performance.now();
      try {
        const key = `key-${String((c * 7919 + i * 31) % 100000).padStart(12, "0")}`;
        if (mode === "put") await kv.put(key, value);
        else await kv.get(key);
        ops++;
      } catch (e) {
        errs++;
        if (errs < 5) console.log(e);
      }
      lat.push(performance.now() - s);
      i++;
    }
  }),
);
const dt = (performance.now() - t0) / 1000;
lat.sort((a, b) => a - b);
const cpu = process.cpuUsage(cpu0);
console.log(
  mode,
  callers,
  "callers:",
  (ops / dt) | 0,
  "ops/s; errs",
  errs,
  "p50",
  lat[lat.length >> 1]!.toFixed(2),
  "p99",
  lat[(lat.length * 0.99) | 0]!.toFixed(2),
  "client cpu us/op",
  ((cpu.user + cpu.system) / ops).toFixed(1),
);
for (const n of cluster.nodes) {
  const { readFileSync } = await import("node:fs");
  const st = readFileSync(`/proc/${n.child!.pid}/stat`, "utf8").split(" ");
  console.log("node", n.node, "cpu s", (Number(st[13]) + Number(st[14])) / 100);
  if (n.log) console.log(n.log.slice(0, 500));
}
await cluster.stop();
process.exit(0);
