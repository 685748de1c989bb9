/**
 * What a node does for the groups that it leads, now and then: makes a shard own its slots, brings its members to what the
 * map wants, hands leadership to whom it belongs, removes expired keys, and, for the meta group, works out the next
 * step of placement.
 */
import { RaftError } from "@titan-kv/raft";
import type { GroupStatus, RaftGroup } from "@titan-kv/raft/host";
import type { Logger } from "pino";
import { nextMemberChange } from "../membership/next-member-change.ts";
import { betterLeader } from "../membership/preferred-leader.ts";
import { type ClusterMap, metaShard, nodeOfReplica, type ShardRecord, shardOf } from "../meta/cluster-map.ts";
import type { MetaCommand, MetaResult } from "../meta/meta-command.ts";
import { nextPlacementStep } from "../meta/reconcile-placement.ts";
import { restoresOf } from "../meta/restore-record.ts";
import { encodeExpire, encodeOwnSlots } from "../shard/command.ts";
import { encodeRestore, RestoreStep } from "../shard/restore-command.ts";
import { RestorePhase } from "../shard/restore-state.ts";
import type { HostedMeta, HostedShard } from "./hosted-replica.ts";

/** How often the duties are done, in milliseconds. */
export const dutyIntervalMs = 100;
/** A leader that has just begun is left alone for this long before it is asked to hand over. */
const settleMs = 1000;

/** What the duties need of their node. */
export interface DutyContext {
  map(): ClusterMap;
  shards(): readonly HostedShard[];
  meta(): HostedMeta | undefined;
  /** Sends a command to whoever leads the meta group. */
  proposeMeta(command: MetaCommand): Promise<MetaResult>;
  readonly wallClock: () => number;
  readonly now: () => number;
  readonly logger: Logger;
}

/** A group that has never had a leader: nobody has to wait for a timeout to find that out. */
function isNewborn({ leader, hardState, configuration }: GroupStatus): boolean {
  return leader === 0 && hardState.term <= 1 && configuration.voters.length > 0;
}

export class LeaderDuties {
  readonly #context: DutyContext;
  /** Groups whose duties are under way: the next round leaves them out. */
  readonly #busy = new Set<number>();
  /** Since when each group is led from here, by group. */
  readonly #leadingSinceMs = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(context: DutyContext) {
    this.#context = context;
  }

  start(): void {
    this.#timer = setInterval(() => this.run(), dutyIntervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** One round. */
  run(): void {
    for (const hosted of this.#context.shards()) {
      this.#forGroup(hosted.shard, hosted.group, (status, record) =>
        this.#shardDuties(hosted, status, record),
      );
    }
    const meta = this.#context.meta();
    if (meta !== undefined) {
      this.#forGroup(metaShard, meta.group, (status, record) => this.#metaDuties(meta, status, record));
    }
  }

  #forGroup(
    id: number,
    group: RaftGroup,
    duties: (status: GroupStatus, record: ShardRecord) => Promise<void>,
  ): void {
    const status = group.status();
    if (status.role !== "leader") {
      this.#leadingSinceMs.delete(id);
      if (isNewborn(status) && this.#isFirstLeader(id, status)) group.campaign();
      return;
    }
    if (!this.#leadingSinceMs.has(id)) this.#leadingSinceMs.set(id, this.#context.now());
    const record = shardOf(this.#context.map(), id);
    if (record === undefined || this.#busy.has(id)) return;
    this.#busy.add(id);
    duties(status, record)
      .catch((error: unknown) => {
        // Lost leadership and the like: the next leader sees what is left to do.
        const level = error instanceof RaftError ? "debug" : "warn";
        this.#context.logger[level]({ err: error, shard: id }, "a leader's duty was not done");
      })
      .finally(() => this.#busy.delete(id));
  }

  /** Whether this node's replica is the one that should lead a new group first. */
  #isFirstLeader(id: number, { id: replica, configuration }: GroupStatus): boolean {
    const preferred = shardOf(this.#context.map(), id)?.preferredLeader ?? 0;
    return preferred === 0 ? replica === configuration.voters[0] : preferred === nodeOfReplica(replica);
  }

  async #shardDuties(hosted: HostedShard, status: GroupStatus, record: ShardRecord): Promise<void> {
    const { machine } = hosted.local.replica;
    const { wallClock } = this.#context;
    const { epoch } = this.#context.map();
    if (machine.epoch < epoch) await hosted.group.propose(encodeOwnSlots(wallClock(), epoch, record.slots));
    if ((machine.nextExpiryMs ?? Number.POSITIVE_INFINITY) <= wallClock()) {
      await hosted.group.propose(encodeExpire(wallClock()));
    }
    const { phase, number } = machine.restore;
    // Whoever carried the restore out opens the shards at its end, or did not live to do it.
    if (phase === RestorePhase.Sealed && number <= restoresOf(this.#context.map()).finished) {
      await hosted.group.propose(encodeRestore(wallClock(), { step: RestoreStep.Open, number }));
    }
    await this.#groupDuties(hosted.group, status, record);
  }

  async #metaDuties(meta: HostedMeta, status: GroupStatus, record: ShardRecord): Promise<void> {
    const step = nextPlacementStep(this.#context.map());
    if (step !== undefined) await this.#context.proposeMeta(step);
    await this.#groupDuties(meta.group, status, record);
  }

  async #groupDuties(group: RaftGroup, status: GroupStatus, record: ShardRecord): Promise<void> {
    const { configuration, lastIndex, changePending, progress } = status;
    const step = nextMemberChange(record.replicas, {
      self: group.replica,
      lastIndex,
      configuration,
      changePending,
      progress,
    });
    if (step.type === "change") {
      await group.changeMembers({
        transition: "auto",
        changes: step.changes,
        expectedConfigurationIndex: configuration.index,
      });
      return;
    }
    if (step.type === "transfer") {
      await group.transferLeader(step.to);
      return;
    }
    if (step.type === "wait") return;
    await this.#reportMembers(status, record);
    const sinceMs = this.#leadingSinceMs.get(record.id) ?? this.#context.now();
    if (this.#context.now() - sinceMs < settleMs) return;
    const better = betterLeader(this.#context.map(), record, { replica: group.replica, lastIndex, progress });
    if (better !== undefined) await group.transferLeader(better);
  }

  async #reportMembers(status: GroupStatus, record: ShardRecord): Promise<void> {
    const members = [...status.configuration.voters, ...status.configuration.learners].toSorted(
      (a, b) => a - b,
    );
    if (JSON.stringify(members) === JSON.stringify(record.members)) return;
    await this.#context.proposeMeta({ type: "reportMembers", shard: record.id, members });
  }
}
