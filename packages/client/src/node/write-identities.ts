/** Gives writes their place in a session, and holds back those for which a session has no room. */
import type { SessionPool } from "../session/session-pool.ts";
import { OperationQueue } from "./operation-queue.ts";
import type { PendingOperation } from "./pending-operation.ts";

export class WriteIdentities {
  readonly #pool: SessionPool;
  readonly #shardOf: (slot: number) => number;
  readonly #resume: (operation: PendingOperation) => void;
  /** Writes that wait until earlier ones of their shard are answered, first in, first out. */
  readonly #parked = new Map<number, OperationQueue>();

  /** `resume` sends a parked write on its way again. */
  constructor(fields: {
    pool: SessionPool;
    shardOf: (slot: number) => number;
    resume: (operation: PendingOperation) => void;
  }) {
    this.#pool = fields.pool;
    this.#shardOf = fields.shardOf;
    this.#resume = fields.resume;
  }

  /**
   * Gives a write its identity, unless it has one. Returns false when the write has to wait; it comes back by `resume`.
   */
  assign(operation: PendingOperation): boolean {
    // An expired session too: a write that may have been applied must not get another one, and of the others the shard
    // says so.
    if (operation.session !== undefined) return true;
    const shard = this.#shardOf(operation.slot);
    // Behind those that wait already, even if there is room by now.
    if (!this.#parked.has(shard) && this.#place(operation, shard)) return true;
    const parked = this.#parked.get(shard) ?? new OperationQueue();
    parked.push(operation);
    this.#parked.set(shard, parked);
    return false;
  }

  /** The shard of the write's session has forgotten it. */
  expire(operation: PendingOperation): void {
    const { session } = operation;
    if (session !== undefined) this.#pool.expire(this.#shardOf(operation.slot), session);
  }

  /** The write is settled, or starts over with a new identity: its position will never be sent again. */
  release(operation: PendingOperation): void {
    const { session, seq } = operation;
    if (session === undefined) return;
    operation.session = undefined;
    operation.seq = 0;
    session.settle(seq);
    if (this.#parked.size > 0) this.#unpark();
  }

  /** Gives a write the next place in the session of its shard, if there is room. */
  #place(operation: PendingOperation, shard: number): boolean {
    const session = this.#pool.sessionFor(shard, 1);
    if (session === undefined) return false;
    operation.session = session;
    operation.seq = session.begin(1);
    return true;
  }

  /** Lets parked writes go as far as there is room now. */
  #unpark(): void {
    for (const [shard, parked] of this.#parked) {
      for (let next = parked.peek(); next !== undefined; next = parked.peek()) {
        if (!next.isSettled && !this.#place(next, shard)) break;
        parked.shift();
        if (!next.isSettled) this.#resume(next);
      }
      if (parked.isEmpty) this.#parked.delete(shard);
    }
  }
}
