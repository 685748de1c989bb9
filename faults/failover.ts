/**
 * How long a shard takes no writes after its leader is killed: kills the leader again and again and prints the times.
 *
 *     node --conditions=@titan-kv/source faults/failover.ts [--kills 10]
 *
 * Measured with default timing and with elections after 300 ms, by a caller that stays with a node that survives and tries
 * again every few milliseconds: from the kill until an answer to a write that began after it.
 */
import { parseArgs } from "node:util";
import { callNode } from "./cluster/cluster-api.ts";
import { FaultCluster } from "./cluster/fault-cluster.ts";
import { fastTiming } from "./fault-run.ts";

/** Between two attempts, and the longest one attempt may take, in milliseconds. */
const retryMs = 5;
const attemptMs = 1000;
const key = "failover";

const { values } = parseArgs({ options: { kills: { type: "string", default: "10" } } });

/** Writes the key through a node; returns the node that leads its shard, `undefined` when it was not written. */
async function write(address: string): Promise<number | undefined> {
  const body = { key, text: "x" };
  const answer = await callNode(address, "titan.kv.v1.KvService/Put", body, attemptMs).catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  return (answer.body["origin"] as { node: number }).node;
}

async function measureOnce(cluster: FaultCluster): Promise<number> {
  await cluster.ready();
  let leader: number | undefined;
  while (leader === undefined) leader = await write(cluster.handle(1).address);
  const survivor = cluster.members.find(({ id }) => id !== leader)!;
  const killed = cluster.kill(leader);
  const killedMs = performance.now();
  await killed;
  while ((await write(survivor.address)) === undefined)
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  const tookMs = performance.now() - killedMs;
  await cluster.startNode(leader);
  return tookMs;
}

async function measure(name: string, options: object): Promise<void> {
  await using cluster = await FaultCluster.start({ nodes: 3, network: "auto", options });
  const timesMs: number[] = [];
  for (let count = 0; count < Number(values.kills); count += 1) timesMs.push(await measureOnce(cluster));
  const sorted = timesMs.toSorted((left, right) => left - right);
  const [least, median, most] = [0, Math.floor(sorted.length / 2), sorted.length - 1].map((index) =>
    sorted[index]!.toFixed(0),
  );
  process.stdout.write(
    `${name}: ${sorted.length} kills, least ${least} ms, median ${median} ms, worst ${most} ms\n`,
  );
}

await measure("default timing", {});
await measure("elections after 300 ms", { raft: fastTiming });
