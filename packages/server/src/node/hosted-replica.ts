import type { RaftGroup } from "@titan-kv/raft/host";
import type { LocalShard } from "../kv/local-shard.ts";
import type { MetaStateMachine } from "../meta/meta-state-machine.ts";
import type { MetaResult } from "../meta/meta-command.ts";
import type { AppliedResults } from "../shard/applied-result.ts";
import type { ShardRaftAdapter } from "../shard/shard-raft-adapter.ts";
import type { ReplicaStore } from "../storage/replica-store.ts";

/** A replica of a data shard that runs on this node. */
export interface HostedShard {
  readonly shard: number;
  readonly replica: number;
  readonly directory: string;
  readonly store: ReplicaStore;
  readonly adapter: ShardRaftAdapter;
  readonly group: RaftGroup<AppliedResults | undefined>;
  readonly local: LocalShard;
}

/** This node's replica of the meta group. */
export interface HostedMeta {
  readonly replica: number;
  readonly store: ReplicaStore;
  readonly machine: MetaStateMachine;
  readonly group: RaftGroup<MetaResult | undefined>;
}
