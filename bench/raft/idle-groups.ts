/**
 * Memory and processor time of groups that do nothing: three hosts in one process, with one log each. Run with
 * `node --expose-gc --conditions=@titan-kv/source bench/raft/idle-groups.ts [groups]`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Host, MemoryLog, type StateMachine } from "@titan-kv/raft/host";

const groups = Number(process.argv[2] ?? 1000);
const nodes = [1, 2, 3];

const nothing: StateMachine<undefined> = {
  appliedIndex: () => 0,
  apply: (entries) => entries.map(() => undefined),
  snapshot: () => ({
    async *read() {
      yield new Uint8Array(1);
    },
    close: () => undefined,
  }),
  receive: async () => ({ install: () => undefined, discard: () => undefined }),
};

function usedBytes(): number {
  if (globalThis.gc === undefined) throw new Error("run with --expose-gc");
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function measure(quiet: boolean): Promise<void> {
  let frames = 0;
  const hosts = new Map<number, Host>();
  for (const node of nodes) {
    const send = (to: number, frame: Uint8Array): boolean => {
      frames += 1;
      hosts.get(to)?.receive(node, frame);
      return true;
    };
    hosts.set(node, new Host({ node, cluster: "bench", log: new MemoryLog(), transport: { send } }));
  }
  const before = usedBytes();
  for (let group = 1; group <= groups; group++) {
    for (const [node, host] of hosts) {
      const made = await host.createGroup({
        group,
        replica: node,
        stateMachine: nothing,
        voters: nodes,
        quiet,
      });
      if (group % nodes.length === node - 1) made.campaign();
    }
  }
  await sleep(3000);
  const perReplica = (usedBytes() - before) / groups / nodes.length / 1024;
  if (quiet) await sleep(12_000);
  frames = 0;
  const cpu = process.cpuUsage();
  await sleep(5000);
  const { user, system } = process.cpuUsage(cpu);
  const leading = [...hosts.values()].map((host) => host.status().leading);
  const silent = [...hosts.values()].map((host) => host.status().quiet);
  console.log(
    `${groups} groups, quiet ${quiet ? "on" : `off: ${perReplica.toFixed(1)} KiB per replica`},`,
    `${((user + system) / 5e4).toFixed(1)} % of a core for three nodes, ${(frames / 5).toFixed(0)} frames/s;`,
    `led ${leading.join("/")}, quiet ${silent.join("/")}`,
  );
  await Promise.all([...hosts.values()].map((host) => host.stop()));
}

await measure(false);
await measure(true);
