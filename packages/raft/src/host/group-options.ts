import type { ReadMode } from "../core/config.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import type { StateMachine } from "./state-machine.ts";

/** What a replica of a group is made of. The same values are given each time it is opened. */
export interface GroupOptions<Result = unknown> {
  /** The group: a safe integer from 0 on, never used before in this log unless it is this group. */
  readonly group: number;
  /** This replica of it: a positive safe integer, never used before in this group. */
  readonly replica: number;
  /** Which group of that number: messages of another one are dropped. The same on every replica. Default 1. */
  readonly incarnation?: number;
  readonly stateMachine: StateMachine<Result>;
  /** Where the snapshots of a state machine that lives in memory are kept. Absent: it keeps its state itself. */
  readonly snapshots?: SnapshotStore;
  readonly policy?: GroupPolicy;
  /** See `RawNodeConfig.readMode`. Default `safe`. */
  readonly readMode?: ReadMode;
  /**
   * In lease mode: by how much the clocks of two nodes may differ in rate, as a share; so much of an election timeout is
   * taken off a lease. Default 0.1.
   */
  readonly maxClockDrift?: number;
  /** Whether a follower passes proposals on to the leader; their outcome is always `UNKNOWN`. Default false. */
  readonly proposalForwarding?: boolean;
  /**
   * Whether the group may fall silent when there is nothing to do: no heartbeats, until something happens or its
   * leader's node falls silent too. All replicas must be set alike. Not with `readMode: "lease"`. Default false.
   */
  readonly quiet?: boolean;
}

/** What a replica does by itself. */
export interface GroupPolicy {
  /** Shorten the log after so many entries were applied. Default 10,000. */
  readonly snapshotEntries?: number;
  /** Shorten the log after so many bytes of commands were applied. Default 64 MiB. */
  readonly snapshotBytes?: number;
  /** Shorten the log after this long, if anything was applied. Default 30,000 ms. */
  readonly snapshotIntervalMs?: number;
  /** Entries that stay behind a snapshot, so that a replica that lags a little needs none. Default 1,000. */
  readonly keepEntries?: number;
  /** A leader keeps entries for living followers that lag more, up to so many bytes. Default 64 MiB. */
  readonly keepBytes?: number;
  /** Whether the leader makes voters of learners that have caught up. Default false. */
  readonly promoteLearners?: boolean;
}

/** A policy with every default filled in. */
export type ResolvedGroupPolicy = Required<GroupPolicy>;

const defaultPolicy: ResolvedGroupPolicy = {
  snapshotEntries: 10_000,
  snapshotBytes: 64 << 20,
  snapshotIntervalMs: 30_000,
  keepEntries: 1_000,
  keepBytes: 64 << 20,
  promoteLearners: false,
};

/** Fills in the defaults. */
export function resolvePolicy(policy: GroupPolicy | undefined): ResolvedGroupPolicy {
  return { ...defaultPolicy, ...policy };
}
