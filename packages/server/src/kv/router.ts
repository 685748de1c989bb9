/**
 * Where an operation goes: to the replica on this node, or one hop further to the node that leads its shard.
 *
 * The slot table may be out of date here; that costs a redirect and nothing else, because the shard checks again when it
 * applies.
 */
import { OperationKind, type OperationView, type StreamIdentity } from "@titan-kv/proto/pipeline";
import { ReadLevel } from "@titan-kv/proto";
import { SLOT_COUNT, slotOf } from "@titan-kv/ring";
import { ApiError, asApiError } from "../http/api-error.ts";
import { decodeTxn, txnKeys } from "../shard/transaction.ts";
import type { Forwarder } from "./forwarder.ts";
import type { LocalShard } from "./local-shard.ts";
import type { PendingOperation } from "./pending-operation.ts";
import { readRequestOf } from "./read-path.ts";
import { checkOperation, type RequestLimits } from "./request-limits.ts";

/** What routing knows of the cluster. Replaced as a whole when the cluster map or a leader changes. */
export interface RoutingTable {
  readonly epoch: number;
  /** The shard of each slot; 0 for none. */
  readonly slotOwners: Uint16Array;
  /** The node that leads a shard, as far as this node knows; 0 when it does not. */
  leaderOf(shard: number): number;
  /** Nodes that hold a replica of a shard. */
  holdersOf(shard: number): readonly number[];
  addressOf(node: number): string | undefined;
}

/** Of a node that has not heard of its cluster. */
export const emptyRoutingTable: RoutingTable = {
  epoch: 0,
  slotOwners: new Uint16Array(SLOT_COUNT),
  leaderOf: () => 0,
  holdersOf: () => [],
  addressOf: () => undefined,
};

/** How long a caller waits for a node that does not know its cluster yet, or a shard without leader. */
const unsettledRetryMs = 100;

export class Router {
  readonly #limits: RequestLimits;
  readonly #forwarder: Forwarder;
  readonly #locals = new Map<number, LocalShard>();
  #table: RoutingTable = emptyRoutingTable;
  /** What writes of data are answered with while there is no room for them; deletes are always taken. */
  putRefusal: ApiError | undefined;

  constructor(fields: { limits: RequestLimits; forwarder: Forwarder }) {
    this.#limits = fields.limits;
    this.#forwarder = fields.forwarder;
  }

  get table(): RoutingTable {
    return this.#table;
  }

  update(table: RoutingTable): void {
    this.#table = table;
  }

  addLocal(shard: number, local: LocalShard): void {
    this.#locals.set(shard, local);
  }

  removeLocal(shard: number): void {
    this.#locals.delete(shard);
  }

  local(shard: number): LocalShard | undefined {
    return this.#locals.get(shard);
  }

  /**
   * Takes an operation on its way to an answer. The view is valid during the call only. An operation that another node
   * has passed on already is served here or refused, never passed on again.
   */
  submit(
    view: OperationView,
    identity: StreamIdentity | undefined,
    operation: PendingOperation,
    wasForwarded: boolean,
  ): void {
    try {
      checkOperation(view, this.#limits);
      const shard = this.#shardOf(view);
      const local = this.#locals.get(shard);
      if (view.kind === OperationKind.Get) this.#read({ view, operation, shard, local, wasForwarded });
      else this.#write({ view, identity, operation, shard, local, wasForwarded });
    } catch (error) {
      operation.error(asApiError(error));
    }
  }

  #shardOf(view: OperationView): number {
    const shards =
      view.kind === OperationKind.Txn
        ? txnKeys(decodeTxn(view.buffer.subarray(view.txnStart, view.txnEnd))).map((key) =>
            this.#ownerOf(key),
          )
        : [this.#ownerOf(view.key())];
    const shard = shards[0]!;
    if (shards.some((other) => other !== shard)) {
      throw new ApiError({
        reason: "CROSS_SHARD",
        outcome: "NOT_APPLIED",
        message:
          "the keys of a transaction must belong to one shard: give them a common part in braces, as in {user:1}:name",
      });
    }
    if (shard === 0) throw unsettled;
    return shard;
  }

  /** The shard that owns a key. @throws ApiError UNAVAILABLE while this node does not know its cluster. */
  shardOf(key: Uint8Array): number {
    const shard = this.#ownerOf(key);
    if (shard === 0) throw unsettled;
    return shard;
  }

  #ownerOf(key: Uint8Array): number {
    return this.#table.slotOwners[slotOf(key)]!;
  }

  #write(fields: {
    view: OperationView;
    identity: StreamIdentity | undefined;
    operation: PendingOperation;
    shard: number;
    local: LocalShard | undefined;
    wasForwarded: boolean;
  }): void {
    const { view, identity, operation, shard, local, wasForwarded } = fields;
    if (local?.replica.leadership.isLeader === true) {
      local.replica.checkServing();
      if (this.putRefusal !== undefined && view.kind !== OperationKind.Delete) throw this.putRefusal;
      local.writes.submit(view, identity, operation);
      return;
    }
    const leader = local?.replica.leadership.leader ?? this.#table.leaderOf(shard);
    this.#forward({ view, identity, operation, shard, to: leader, wasForwarded });
  }

  #read(fields: {
    view: OperationView;
    operation: PendingOperation;
    shard: number;
    local: LocalShard | undefined;
    wasForwarded: boolean;
  }): void {
    const { view, operation, shard, local, wasForwarded } = fields;
    if (local !== undefined && local.replica.fencedBecause === undefined) {
      local.reads.submit(readRequestOf(view), operation);
      return;
    }
    const leader = this.#table.leaderOf(shard);
    const isWeak = view.readLevel === ReadLevel.LOCAL;
    const to = leader === 0 && isWeak ? (this.#table.holdersOf(shard)[0] ?? 0) : leader;
    this.#forward({ view, identity: undefined, operation, shard, to, wasForwarded });
  }

  #forward(fields: {
    view: OperationView;
    identity: StreamIdentity | undefined;
    operation: PendingOperation;
    shard: number;
    to: number;
    wasForwarded: boolean;
  }): void {
    const { view, identity, operation, shard, to, wasForwarded } = fields;
    if (to !== 0 && !wasForwarded) {
      this.#forwarder.forward(to, view, identity, operation);
      return;
    }
    const address = to === 0 ? undefined : this.#table.addressOf(to);
    throw new ApiError({
      reason: "NOT_LEADER",
      outcome: "NOT_APPLIED",
      message: to === 0 ? `shard ${shard} has no known leader` : `node ${to} leads shard ${shard}`,
      leader: to === 0 ? undefined : { node: to, ...(address === undefined ? {} : { address }) },
      epoch: this.#table.epoch,
      retryAfterMs: to === 0 ? unsettledRetryMs : undefined,
    });
  }
}

const unsettled = new ApiError({
  reason: "UNAVAILABLE",
  outcome: "NOT_APPLIED",
  message: "this node has not heard of its cluster yet",
  retryAfterMs: unsettledRetryMs,
});
