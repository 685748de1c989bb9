/** Puts one shard's replica together: store, state machine, Raft group, request paths. */
import { join } from "node:path";
import type { GroupPolicy, Host, RaftGroup } from "@titan-kv/raft/host";
import type { AddressOf } from "../kv/shard-replica.ts";
import { ShardReplica } from "../kv/shard-replica.ts";
import { type DamageHandler, type ReadObserver, ReadPath } from "../kv/read-path.ts";
import { WritePath, type WritePathLimits } from "../kv/write-path.ts";
import type { ShardRecord } from "../meta/cluster-map.ts";
import type { AppliedResults } from "../shard/applied-result.ts";
import type { SessionLimits } from "../shard/session-table.ts";
import { ShardRaftAdapter } from "../shard/shard-raft-adapter.ts";
import { ShardStateMachine } from "../shard/shard-state-machine.ts";
import { ReplicaStore } from "../storage/replica-store.ts";
import type { HostedShard } from "./hosted-replica.ts";

/** What the shards of a node share. */
export interface ShardEnvironment {
  readonly node: number;
  readonly host: Host;
  /** Where the replicas' directories are. */
  readonly directory: string;
  readonly sessionLimits: SessionLimits;
  readonly writeLimits: WritePathLimits;
  readonly policy: GroupPolicy;
  /** Whether reads under a lease are allowed. */
  readonly leaseReads: boolean;
  /** By how much the clocks of two nodes may differ in rate, as a share. */
  readonly maxClockDrift: number;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  readonly wallClock: () => number;
  readonly addressOf: AddressOf;
  readonly observeRead: ReadObserver;
  readonly heal: DamageHandler;
}

/** The directory of one replica; a replica that comes back has another id and begins in a directory of its own. */
export function shardDirectory(root: string, shard: number, replica: number): string {
  return join(root, `shard-${shard}-${replica}`);
}

/** Opens the replica, or makes it when this node has never had it. */
export async function openShard(
  environment: ShardEnvironment,
  record: ShardRecord,
  replica: number,
): Promise<HostedShard> {
  const directory = shardDirectory(environment.directory, record.id, replica);
  const store = await ReplicaStore.open({ directory, ordered: true });
  try {
    const machine = new ShardStateMachine(store, environment.sessionLimits);
    const adapter = new ShardRaftAdapter({ machine, store, onApplied: () => undefined });
    const group = await openGroup(environment, record, replica, adapter);
    const shardReplica = new ShardReplica({
      shard: record.id,
      node: environment.node,
      machine,
      group,
      addressOf: environment.addressOf,
    });
    const { now, wallClock, observeRead, heal, writeLimits } = environment;
    const reads = new ReadPath({
      replica: shardReplica,
      now,
      observe: observeRead,
      heal,
      leases: environment.leaseReads,
    });
    const writes = new WritePath({ replica: shardReplica, limits: writeLimits, wallClock });
    const local = { replica: shardReplica, reads, writes };
    return { shard: record.id, replica, directory, store, adapter, group, local };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openGroup(
  environment: ShardEnvironment,
  record: ShardRecord,
  replica: number,
  stateMachine: ShardRaftAdapter,
): Promise<RaftGroup<AppliedResults | undefined>> {
  const { host, policy, leaseReads, maxClockDrift } = environment;
  const options = {
    group: record.id,
    replica,
    stateMachine,
    policy,
    ...(leaseReads ? { readMode: "lease" as const, maxClockDrift } : {}),
  };
  if (host.groups().includes(record.id)) return host.openGroup(options);
  // A founder begins with the founders as voters; anyone else waits until the leader sends what it has.
  return host.createGroup(
    record.founders.includes(replica) ? { ...options, voters: record.founders } : options,
  );
}
