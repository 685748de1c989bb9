/** Each change of members under load: what all clients saw meanwhile is linearizable, and no acknowledged write is lost. */
import { expect, test } from "vitest";
import { FaultCluster } from "../cluster/fault-cluster.ts";
import { fastTiming } from "../fault-run.ts";
import type { PlannedFault } from "../nemesis/fault.ts";
import {
  change,
  membership,
  type MembershipChange,
  membershipChanges,
} from "../nemesis/membership-faults.ts";
import { Random } from "../random.ts";
import { runRound } from "../round.ts";

const seed = 1;
/** The load goes on for longer when the change does. */
const durationMs = 2500;

/** The nodes that belong to the cluster, as it says itself. */
async function mapped(cluster: FaultCluster): Promise<number[]> {
  return (await cluster.api.topology()).nodes.map(({ id }) => id).toSorted((left, right) => left - right);
}

/** The data shards in which a node votes, by what their leaders say. */
async function votesOf(cluster: FaultCluster, node: number): Promise<number[]> {
  const { shards } = await cluster.api.status();
  return shards.flatMap(({ id = 0, replicas }) => {
    const own = replicas.find((replica) => replica.node === node);
    const votes = own?.role === "REPLICA_ROLE_VOTER" && own.matchIndex !== undefined;
    return id !== 0 && votes ? [id] : [];
  });
}

function planned(kind: MembershipChange): PlannedFault {
  return {
    words: kind,
    begin: (cluster) => change(cluster, kind, { random: new Random(seed, kind), founders: 3 }),
    end: async () => undefined,
  };
}

test.each(membershipChanges)("%s under load leaves a linearizable history", async (kind) => {
  await using cluster = await FaultCluster.start({
    nodes: 3,
    network: "auto",
    options: { reads: { leases: true }, raft: fastTiming },
  });
  const scheduled = { kind: membership, planned: planned(kind), startMs: 500, holdMs: 1000 };
  const schedule = new Map([["membership" as const, [scheduled]]]);
  const { report } = await runRound({ cluster, seed, round: 1, schedule, durationMs });
  expect(report.violations).toEqual([]);
  expect(report.faults.map(({ failure }) => failure)).toEqual([undefined]);
  expect(report.operations["put"]?.ok).toBeGreaterThan(50);
  expect(await mapped(cluster)).toEqual(
    cluster.members.map(({ id }) => id).toSorted((left, right) => left - right),
  );
  const newcomers = cluster.members.filter(({ id }) => id > 3);
  expect(newcomers.length).toBe(kind === "drain" || kind === "transfer" ? 0 : 1);
  // By the ring, the fourth node has a copy of some shard whoever of the others is left.
  for (const { id } of newcomers) expect((await votesOf(cluster, id)).length).toBeGreaterThan(0);
});
