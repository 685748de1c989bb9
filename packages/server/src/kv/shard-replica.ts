/**
 * A shard's replica on this node, as the request path sees it: its state, its group, and who leads it.
 */
import type { OriginFields } from "@titan-kv/proto/pipeline";
import { ApiError, type LeaderAddress } from "../http/api-error.ts";
import type { ShardStateMachine } from "../shard/shard-state-machine.ts";
import type { ShardHint } from "./raft-errors.ts";
import type { ShardGroup } from "./shard-group.ts";

/** What this node knows of a shard's leadership; kept up to date by the node. */
export interface Leadership {
  readonly term: number;
  /** 0 when unknown. */
  readonly leader: number;
  readonly isLeader: boolean;
}

/** Finds a node's client address, for errors that say where to go. */
export type AddressOf = (node: number) => string | undefined;

export class ShardReplica {
  readonly shard: number;
  readonly node: number;
  readonly machine: ShardStateMachine;
  readonly group: ShardGroup;
  readonly #addressOf: AddressOf;
  leadership: Leadership = { term: 0, leader: 0, isLeader: false };
  /** Set while the replica must not serve: its state is damaged or differs from the others'. */
  fencedBecause: string | undefined;

  constructor(fields: {
    shard: number;
    node: number;
    machine: ShardStateMachine;
    group: ShardGroup;
    addressOf: AddressOf;
  }) {
    this.shard = fields.shard;
    this.node = fields.node;
    this.machine = fields.machine;
    this.group = fields.group;
    this.#addressOf = fields.addressOf;
  }

  /** Where an answer comes from that shows the state as of `revision`. */
  origin(revision: number): OriginFields {
    return {
      shard: this.shard,
      epoch: this.machine.epoch,
      term: this.leadership.term,
      revision,
      node: this.node,
    };
  }

  /** The leader's address, if it is known and is not this node. */
  leaderAddress(): LeaderAddress | undefined {
    const { leader } = this.leadership;
    if (leader === 0 || leader === this.node) return undefined;
    const address = this.#addressOf(leader);
    return address === undefined ? { node: leader } : { node: leader, address };
  }

  hint(): ShardHint {
    return { leader: this.leaderAddress(), epoch: this.machine.epoch };
  }

  /**
   * To be called in the moment in which the state is read: a replica that is behind may not have heard yet that its shard
   * is open again.
   * @throws ApiError UNAVAILABLE while the replica is fenced, or the shard is being restored from a snapshot.
   */
  checkServing(): void {
    this.checkNotFenced();
    if (this.machine.isRestoring) throw beingRestored;
  }

  /** @throws ApiError UNAVAILABLE while the replica is fenced. */
  checkNotFenced(): void {
    if (this.fencedBecause === undefined) return;
    throw new ApiError({
      reason: "UNAVAILABLE",
      outcome: "NOT_APPLIED",
      message: `the shard's replica on this node is out of service: ${this.fencedBecause}`,
      leader: this.leaderAddress(),
      epoch: this.machine.epoch,
    });
  }
}

/** The answer of every shard while a snapshot is being restored. */
export const beingRestored: ApiError = new ApiError({
  reason: "UNAVAILABLE",
  outcome: "NOT_APPLIED",
  message: "the cluster is being restored from a snapshot, or a restore was interrupted; see `titan status`",
  retryAfterMs: 1000,
});
