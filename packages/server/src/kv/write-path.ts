/**
 * From operations to one proposal per shard and turn of the Raft host, and from its answers back to the operations.
 *
 * Everything that arrives until the host begins its next turn goes into one entry of the log: one message to each follower
 * and one place in the next write to disk for all of it. Entries of later turns follow without waiting for earlier ones.
 */
import { OperationKind, type OperationView, type StreamIdentity } from "@titan-kv/proto/pipeline";
import { ApiError } from "../http/api-error.ts";
import {
  type AppliedResults,
  hasExisted,
  isApplied,
  keyRevisionOf,
  Refusal,
  refusalOf,
} from "../shard/applied-result.ts";
import { OperationsBuilder } from "../shard/command.ts";
import type { PendingOperation } from "./pending-operation.ts";
import { apiErrorOfRaft } from "./raft-errors.ts";
import { beingRestored, type ShardReplica } from "./shard-replica.ts";

/** Bounds on what one shard has under way. */
export interface WritePathLimits {
  /** Operations accepted and not yet answered. Default 65,536. */
  readonly maxPendingOperations: number;
  /** A proposal is handed over when it has this many bytes, even within a turn. Default 1 MiB. */
  readonly maxProposalBytes: number;
}

export const defaultWritePathLimits: WritePathLimits = {
  maxPendingOperations: 65_536,
  maxProposalBytes: 1024 * 1024,
};

/** What a caller waits before it tries again when the queue is full. */
const overloadRetryMs = 20;

/** One operation of a proposal: who waits for it, and how its answer is to be read. */
interface Waiting {
  readonly operation: PendingOperation;
  readonly isTxn: boolean;
}

export class WritePath {
  readonly #replica: ShardReplica;
  readonly #limits: WritePathLimits;
  /** Wall clock in milliseconds, for the time that is stamped into entries. */
  readonly #wallClock: () => number;
  readonly #builder = new OperationsBuilder();
  #waiting: Waiting[] = [];
  #pending = 0;
  #scheduled = false;
  /** The session of the open section; compared by reference, streams keep theirs as long as it does not change. */
  #sectionIdentity: StreamIdentity | undefined;

  constructor(fields: { replica: ShardReplica; limits: WritePathLimits; wallClock: () => number }) {
    this.#replica = fields.replica;
    this.#limits = fields.limits;
    this.#wallClock = fields.wallClock;
  }

  /** Operations accepted and not yet answered. */
  get pending(): number {
    return this.#pending;
  }

  /** Takes a checked write. Its bytes are copied before the call returns. */
  submit(view: OperationView, identity: StreamIdentity | undefined, operation: PendingOperation): void {
    if (this.#pending >= this.#limits.maxPendingOperations) {
      operation.error(this.#overloaded());
      return;
    }
    if (this.#waiting.length === 0 || identity !== this.#sectionIdentity) {
      this.#builder.beginSection(identity);
      this.#sectionIdentity = identity;
    }
    this.#builder.add(view.buffer, view.start, view.end);
    this.#waiting.push({ operation, isTxn: view.kind === OperationKind.Txn });
    this.#pending += 1;
    if (this.#builder.bytes >= this.#limits.maxProposalBytes) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      this.#replica.group.beforeTurn(() => {
        this.#scheduled = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const command = this.#builder.take(this.#wallClock());
    this.#replica.group.submit([command], (error, results) => {
      this.#pending -= waiting.length;
      if (error !== undefined) {
        const apiError = apiErrorOfRaft(error, this.#replica.hint());
        for (const { operation } of waiting) operation.error(apiError);
        return;
      }
      this.#answer(waiting, results[0]);
    });
  }

  #answer(waiting: readonly Waiting[], results: AppliedResults | undefined): void {
    if (results === undefined || results.packed.length !== waiting.length) {
      // The state machine answers every operation of an entry; anything else is a defect, and nobody knows what happened.
      throw new Error(`${waiting.length} operations were given ${results?.packed.length ?? 0} answers`);
    }
    const origin = this.#replica.origin(results.revision);
    for (const [index, { operation, isTxn }] of waiting.entries()) {
      const packed = results.packed[index]!;
      const refusal = refusalOf(packed);
      const payload = results.payloads.get(index);
      if (refusal !== undefined) operation.error(this.#refused(refusal));
      else if (isTxn) operation.txn(payload ?? new Uint8Array(0), origin);
      else {
        const applied = isApplied(packed);
        const existed = hasExisted(packed);
        operation.write({ applied, existed, keyRevision: keyRevisionOf(packed), previous: payload }, origin);
      }
    }
  }

  #overloaded(): ApiError {
    return new ApiError({
      reason: "OVERLOADED",
      outcome: "NOT_APPLIED",
      message: `the shard has ${this.#limits.maxPendingOperations} operations under way`,
      retryAfterMs: overloadRetryMs,
    });
  }

  #refused(refusal: Refusal): ApiError {
    const { epoch } = this.#replica.machine;
    switch (refusal) {
      case Refusal.WrongShard:
        return new ApiError({
          reason: "WRONG_SHARD",
          outcome: "NOT_APPLIED",
          message: `shard ${this.#replica.shard} does not own the key's slot`,
          epoch,
        });
      case Refusal.SlotMoving:
        return new ApiError({
          reason: "SLOT_MOVING",
          outcome: "NOT_APPLIED",
          message: "the key's slot is on its way to another shard",
          retryAfterMs: overloadRetryMs,
          epoch,
        });
      case Refusal.SessionExpired:
        return new ApiError({
          reason: "SESSION_EXPIRED",
          // A first attempt was not applied; of a repeated one only the client knows whether there was an earlier one.
          outcome: "UNKNOWN",
          message: "the shard has forgotten sessions of this age; open a new one",
        });
      case Refusal.AlreadyAcknowledged:
        return new ApiError({
          reason: "FAILED_PRECONDITION",
          outcome: "UNKNOWN",
          message: "the client has acknowledged the answer of this write already",
        });
      case Refusal.SessionFull:
        return new ApiError({
          reason: "OVERLOADED",
          outcome: "NOT_APPLIED",
          message: "the session has too many writes without acknowledgement",
          retryAfterMs: overloadRetryMs,
        });
      case Refusal.Malformed:
        return new ApiError({ reason: "INVALID_ARGUMENT", outcome: "NOT_APPLIED", message: "not a write" });
      case Refusal.Restoring:
      case Refusal.NotEmpty:
      case Refusal.RestoreSuperseded:
      case Refusal.RestoreIncomplete:
        return beingRestored;
    }
  }
}
