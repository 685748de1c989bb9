/**
 * Proposals per second and their latency, in one process: all replicas of one group, and everything between them, share
 * one event loop. Run with `node --conditions=@titan-kv/source bench/raft/proposals.ts [seconds per line]`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Host, type LogStorage, MemoryLog, type RaftGroup, type StateMachine } from "@titan-kv/raft/host";
import { FileLog } from "@titan-kv/raft/wal";

const secondsPerLine = Number(process.argv[2] ?? 2);
const commandBytes = 64;
const only = process.argv[3];

/** Counts entries, and keeps nothing: what is measured is the consensus. */
function counter(): StateMachine<number> {
  let count = 0;
  return {
    appliedIndex: () => count,
    apply: (entries) => {
      count = entries.at(-1)?.index ?? count;
      return entries.map(({ index }) => index);
    },
    snapshot: () => ({
      async *read() {
        yield new Uint8Array(8);
      },
      close: () => undefined,
    }),
    receive: async () => ({ install: () => undefined, discard: () => undefined }),
  };
}

async function startGroup(
  voters: number,
  makeLog: (node: number) => Promise<LogStorage>,
): Promise<{ leader: RaftGroup<number>; stop: () => Promise<void> }> {
  const hosts = new Map<number, Host>();
  const groups: RaftGroup<number>[] = [];
  const ids = Array.from({ length: voters }, (_, at) => at + 1);
  for (const node of ids) {
    const log = await makeLog(node);
    const transport = {
      send: (to: number, frame: Uint8Array) => {
        hosts.get(to)?.receive(node, frame);
        return true;
      },
    };
    const host = new Host({ node, cluster: "bench", log, transport });
    hosts.set(node, host);
    groups.push(await host.createGroup({ group: 1, replica: node, stateMachine: counter(), voters: ids }));
  }
  groups[0]?.campaign();
  let leader: RaftGroup<number> | undefined;
  while (leader === undefined) {
    await sleep(10);
    leader = groups.find((group) => group.status().role === "leader");
  }
  return {
    leader,
    stop: async () => void (await Promise.all([...hosts.values()].map((host) => host.stop()))),
  };
}

/** Keeps `callers` proposals under way, each proposing anew when it is answered. */
async function measure(
  leader: RaftGroup<number>,
  callers: number,
): Promise<{ rate: number; p50: number; p99: number }> {
  const command = new Uint8Array(commandBytes).fill(120);
  const latencies: number[] = [];
  let done = 0;
  let counting = false;
  const state = { running: true };
  const caller = async (): Promise<void> => {
    for (let turn = 0; state.running; turn++) {
      const began = performance.now();
      await leader.propose(command);
      if (!counting) continue;
      done += 1;
      if ((turn & 15) === 0) latencies.push(performance.now() - began);
    }
  };
  const all = Array.from({ length: callers }, caller);
  await sleep(500);
  counting = true;
  const began = performance.now();
  await sleep(secondsPerLine * 1000);
  const seconds = (performance.now() - began) / 1000;
  state.running = false;
  await Promise.all(all);
  latencies.sort((one, other) => one - other);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return { rate: done / seconds, p50: at(0.5), p99: at(0.99) };
}

console.log(`commands of ${commandBytes} bytes, ${secondsPerLine} s per line, Node ${process.version}`);
console.log("log     voters  callers   proposals/s    p50 ms    p99 ms");
for (const kind of ["memory", "file"]) {
  for (const voters of [1, 3, 5]) {
    const name = `${kind}/${voters}`;
    if (only !== undefined && !name.startsWith(only)) continue;
    const directory = mkdtempSync(join(process.cwd(), ".bench-raft-"));
    const { leader, stop } = await startGroup(voters, async (node) =>
      kind === "memory" ? new MemoryLog() : FileLog.open({ directory: join(directory, String(node)) }),
    );
    for (const callers of [1, 64, 1024, 4096]) {
      const { rate, p50, p99 } = await measure(leader, callers);
      console.log(
        [
          kind.padEnd(7),
          String(voters).padStart(6),
          String(callers).padStart(8),
          rate.toFixed(0).padStart(13),
        ].join(" "),
        p50.toFixed(2).padStart(9),
        p99.toFixed(2).padStart(9),
      );
    }
    await stop();
    rmSync(directory, { recursive: true });
  }
}
