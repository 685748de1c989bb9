/** After healing, all replicas of a shard hold the same, and what they hold accounts for every write that was acknowledged. */
import { connect, textCodec } from "@titan-kv/client";
import type { FaultCluster } from "../cluster/fault-cluster.ts";
import type { LedgerEntry } from "../workload/history.ts";
import type { Violation } from "./violation.ts";

/** How long replicas may take to catch up once nothing is written any more, in milliseconds. */
const convergenceLimitMs = 20_000;
/** Keys of which a difference is shown. */
const shownKeys = 10;

/** What one replica holds: revision and value by key. */
type Contents = ReadonlyMap<string, string>;

/** Contents by shard, then by node. */
type Replicas = Map<number, Map<number, Map<string, string>>>;

async function readReplicas(cluster: FaultCluster): Promise<Replicas> {
  const replicas: Replicas = new Map();
  for (const { address, id } of cluster.members) {
    const client = await connect({ seeds: address, directRouting: false, codec: textCodec });
    try {
      for await (const { key, value, revision, origin } of client.scan({ consistency: "local" })) {
        // A node without a replica of the shard asks another node.
        if (origin.node !== id) continue;
        const ofShard = replicas.get(origin.shard) ?? new Map<number, Map<string, string>>();
        replicas.set(origin.shard, ofShard);
        const contents = ofShard.get(id) ?? new Map<string, string>();
        ofShard.set(id, contents.set(key, `${value} of revision ${revision}`));
      }
    } finally {
      await client.close();
    }
  }
  return replicas;
}

/** The keys that two replicas hold differently, in words. */
function differences(left: readonly [number, Contents], right: readonly [number, Contents]): string[] {
  const [leftNode, leftContents] = left;
  const [rightNode, rightContents] = right;
  const keys = new Set([...leftContents.keys(), ...rightContents.keys()]);
  return [...keys]
    .filter((key) => leftContents.get(key) !== rightContents.get(key))
    .map((key) => {
      const [here, there] = [leftContents.get(key), rightContents.get(key)];
      return `${key}: node ${leftNode} has ${here ?? "nothing"}, node ${rightNode} has ${there ?? "nothing"}`;
    });
}

function allDifferences(replicas: Replicas): string[] {
  return [...replicas].flatMap(([shard, byNode]) => {
    const [first, ...others] = [...byNode];
    if (first === undefined) return [];
    return others.flatMap((other) => differences(first, other).map((line) => `shard ${shard}, ${line}`));
  });
}

/** What becomes of the cluster's contents: the union over all shards, once the replicas are equal. */
export interface ReplicaResult {
  readonly violations: readonly Violation[];
  /** Value and revision by key. */
  readonly contents: Contents;
  readonly keys: number;
}

export async function checkReplicas(cluster: FaultCluster): Promise<ReplicaResult> {
  const deadline = performance.now() + convergenceLimitMs;
  for (;;) {
    const replicas = await readReplicas(cluster);
    const found = allDifferences(replicas);
    const isLate = performance.now() > deadline;
    if (found.length === 0 || isLate) {
      const contents = new Map([...replicas.values()].flatMap((byNode) => [...[...byNode.values()][0]!]));
      const report = `${found.length} keys differ ${convergenceLimitMs} ms after the last write:\n${found.slice(0, shownKeys).join("\n")}`;
      const violations = found.length === 0 ? [] : [{ check: "replicas are equal", report }];
      return { violations, contents, keys: contents.size };
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** Every acknowledged write of the ledger is there, and none that was reported as not applied. */
export function checkLedger(ledger: readonly LedgerEntry[], contents: Contents): Violation[] {
  const wrong = ledger.flatMap(({ key, value, outcome }) => {
    const found = contents.get(key);
    if (found === undefined) return outcome === "ok" ? [`${key} was acknowledged and is gone`] : [];
    if (!found.startsWith(`${value} `)) return [`${key} holds ${found} instead of ${value}`];
    return outcome === "NOT_APPLIED" ? [`${key} was reported as NOT_APPLIED and is there`] : [];
  });
  if (wrong.length === 0) return [];
  const report = `${wrong.length} of ${ledger.length}:\n${wrong.slice(0, shownKeys).join("\n")}`;
  return [{ check: "every acknowledged write is accounted for", report }];
}
