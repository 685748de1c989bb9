/**
 * Reads at each level. All linearizable reads of a turn of the event loop share one confirmation by a majority; weaker
 * levels are served from the replica as soon as it is far enough.
 */
import type { OperationView } from "@titan-kv/proto/pipeline";
import { ReadLevel } from "@titan-kv/proto";
import { ApiError, asApiError } from "../http/api-error.ts";
import type { PendingOperation } from "./pending-operation.ts";
import { apiErrorOfRaft } from "./raft-errors.ts";
import type { ShardReplica } from "./shard-replica.ts";
import { slotOf } from "@titan-kv/ring";
import { SlotState } from "../shard/slot-ownership.ts";
import { RaftError } from "@titan-kv/raft";

/** Reads of one shard that may wait at once. */
export const maxPendingReads = 65_536;

/** How often a read that waits for a revision looks again. The revision comes with the log, within a heartbeat. */
const revisionPollMs = 2;

/** What a read asks for, copied out of the view. */
export interface ReadRequest {
  readonly key: Uint8Array;
  readonly level: ReadLevel;
  readonly minRevision: number;
  readonly maxStalenessMs: number;
}

/** The read that an operation asks for; its key is copied. */
export function readRequestOf(view: OperationView): ReadRequest {
  return {
    key: Uint8Array.prototype.slice.call(view.buffer, view.keyStart, view.keyEnd),
    level: view.readLevel as ReadLevel,
    minRevision: view.minRevision,
    maxStalenessMs: view.maxStalenessMs,
  };
}

/** Told about records that were served, to compare replicas; see the repair module. */
export type ReadObserver = (replica: ShardReplica, key: Uint8Array) => void;

/** Heals a record that turned out to be damaged when it was read. */
export type DamageHandler = (replica: ShardReplica, key: Uint8Array, error: unknown) => Promise<void>;

interface WaitingRead {
  readonly request: ReadRequest;
  readonly operation: PendingOperation;
  /** Whether its record was damaged and has been healed already: a second time would be for ever. */
  readonly healed: boolean;
}

export class ReadPath {
  readonly #replica: ShardReplica;
  readonly #now: () => number;
  readonly #observe: ReadObserver;
  readonly #heal: DamageHandler;
  readonly #leases: boolean;
  #waiting: WaitingRead[] = [];
  #pending = 0;
  /** When the last confirmed round began: the local state is at most that old. */
  #freshAsOfMs = Number.NEGATIVE_INFINITY;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(fields: {
    replica: ShardReplica;
    now: () => number;
    observe: ReadObserver;
    heal: DamageHandler;
    /** Whether reads under a lease are served. */
    leases: boolean;
  }) {
    this.#replica = fields.replica;
    this.#now = fields.now;
    this.#observe = fields.observe;
    this.#heal = fields.heal;
    this.#leases = fields.leases;
  }

  submit(request: ReadRequest, operation: PendingOperation): void {
    if (this.#pending >= maxPendingReads) operation.error(overloaded);
    else this.#start({ request, operation, healed: false });
  }

  #start(read: WaitingRead): void {
    switch (read.request.level) {
      case ReadLevel.UNSPECIFIED:
      case ReadLevel.LINEARIZABLE:
        this.#confirm(read);
        return;
      case ReadLevel.LEASE:
        this.#underLease(read);
        return;
      case ReadLevel.AT_LEAST:
        this.#awaitRevision(read);
        return;
      case ReadLevel.BOUNDED:
        if (this.#now() - this.#freshAsOfMs <= read.request.maxStalenessMs) this.#serve(read);
        else this.#confirm(read);
        return;
      case ReadLevel.LOCAL:
        this.#serve(read);
        return;
    }
  }

  /** Waits for the round that the reads of this turn share. */
  #confirm(read: WaitingRead): void {
    this.#pending += 1;
    this.#waiting.push(read);
    if (this.#waiting.length > 1) return;
    this.#replica.group.beforeTurn(() => {
      const reads = this.#waiting;
      this.#waiting = [];
      // Taken before the round begins: what the round confirms is at least as fresh as this.
      const beganAtMs = this.#now();
      this.#replica.group.readIndex({ confirm: true }).then(
        () => {
          this.#freshAsOfMs = Math.max(this.#freshAsOfMs, beganAtMs);
          this.#pending -= reads.length;
          for (const each of reads) this.#serve(each);
        },
        (error: unknown) => {
          this.#pending -= reads.length;
          const apiError = this.#readError(error);
          for (const { operation } of reads) operation.error(apiError);
        },
      );
    });
  }

  #underLease(read: WaitingRead): void {
    if (!this.#leases) {
      read.operation.error(leasesAreOff);
      return;
    }
    this.#pending += 1;
    this.#replica.group.readIndex().then(
      () => {
        this.#pending -= 1;
        this.#serve(read);
      },
      (error: unknown) => {
        this.#pending -= 1;
        read.operation.error(this.#readError(error));
      },
    );
  }

  #readError(error: unknown): ApiError {
    // A read has no effect, whatever became of it.
    if (error instanceof RaftError && error.code === "UNKNOWN") return asApiError(notConfirmed);
    return apiErrorOfRaft(error, this.#replica.hint());
  }

  #awaitRevision(read: WaitingRead): void {
    if (this.#replica.machine.revision >= read.request.minRevision) {
      this.#serve(read);
      return;
    }
    this.#pending += 1;
    const timer = setInterval(() => {
      if (!read.operation.isSettled && this.#replica.machine.revision < read.request.minRevision) return;
      clearInterval(timer);
      this.#pending -= 1;
      if (!read.operation.isSettled) this.#serve(read);
    }, revisionPollMs);
  }

  #serve(read: WaitingRead): void {
    const { request, operation } = read;
    if (operation.isSettled) return;
    try {
      this.#replica.checkServing();
      this.#checkOwnership(request.key);
      const entry = this.#replica.machine.get(request.key);
      const origin = this.#replica.origin(this.#replica.machine.revision);
      if (entry === undefined) operation.get({ found: false, keyRevision: 0, expiresAtMs: 0 }, origin);
      else {
        const { value, version, expiresAtMs } = entry;
        operation.get({ found: true, value, keyRevision: version, expiresAtMs }, origin);
      }
      this.#observe(this.#replica, request.key);
    } catch (error) {
      this.#serveDamaged(read, error);
    }
  }

  #checkOwnership(key: Uint8Array): void {
    const { machine, shard } = this.#replica;
    const state = machine.slotState(slotOf(key));
    if (state === SlotState.Owned) return;
    throw new ApiError({
      reason: state === SlotState.Frozen ? "SLOT_MOVING" : "WRONG_SHARD",
      outcome: "NOT_APPLIED",
      message: `shard ${shard} does not serve the key's slot`,
      epoch: machine.epoch,
    });
  }

  /** The record on this replica is damaged: heal it from another one, then answer. */
  #serveDamaged({ request, operation, healed }: WaitingRead, error: unknown): void {
    if (error instanceof ApiError || healed) {
      operation.error(asApiError(error));
      return;
    }
    this.#heal(this.#replica, request.key, error).then(
      // Through the level's own way again: while the record was fetched, a newer write may have been acknowledged.
      () => this.#start({ request, operation, healed: true }),
      (failure: unknown) => operation.error(asApiError(failure)),
    );
  }
}

const leasesAreOff = new ApiError({
  reason: "FAILED_PRECONDITION",
  outcome: "NOT_APPLIED",
  message: "reads under a lease are off on this node (reads.leases); ask for LINEARIZABLE",
});

const overloaded = new ApiError({
  reason: "OVERLOADED",
  outcome: "NOT_APPLIED",
  message: `the shard has ${maxPendingReads} reads waiting`,
  retryAfterMs: 20,
});

const notConfirmed = new ApiError({
  reason: "NOT_LEADER",
  outcome: "NOT_APPLIED",
  message: "leadership changed before the read was confirmed",
  retryAfterMs: 50,
});
