/**
 * The life of an operation: admitted, routed, sent, answered or failed, sent again, settled. Exactly once settled, whatever
 * the links report and in whatever order.
 */
import { type ResultView } from "@titan-kv/proto/pipeline";
import { slotOf } from "@titan-kv/ring";
import type { ClientEvents } from "../api/events.ts";
import type { Answer, CallContext, EngineOperation } from "../api/operation.ts";
import { errorOf, failure, type Failure } from "../errors/failure.ts";
import { TitanError } from "../errors/titan-error.ts";
import { backoffMs, type BackoffOptions } from "../retry/backoff.ts";
import type { RetryBudget } from "../retry/retry-budget.ts";
import { judge, mayHaveApplied } from "../retry/retry-rule.ts";
import { AbortWatch } from "./abort-watch.ts";
import { AnswerReader } from "./answer-reader.ts";
import type { LinkOwner, NodeLink } from "./node-link.ts";
import { PendingList } from "./pending-list.ts";
import { PendingOperation } from "./pending-operation.ts";
import type { RoutingTable } from "./routing-table.ts";
import type { WriteIdentities } from "./write-identities.ts";

/** What a client may have accepted and not settled, and how it repeats. */
export interface DispatchOptions {
  /** Operations, wherever they wait. Further ones fail with OVERLOADED. Default 65,536. */
  readonly maxPendingOperations: number;
  /** Bytes of their keys and values. Default 64 MiB. */
  readonly maxPendingBytes: number;
  /** Attempts at one operation; 1 switches repeating off. Default: as many as fit into its time. */
  readonly maxAttempts: number;
  /** Whether writes carry an identity, by which shards recognise a repeated one. Default true. */
  readonly atMostOnce: boolean;
  readonly backoff: BackoffOptions;
  readonly defaultTimeoutMs: number;
}

/** What the dispatcher works with. */
export interface DispatchContext {
  readonly options: DispatchOptions;
  readonly budget: RetryBudget;
  readonly events: ClientEvents;
  readonly identities: WriteIdentities;
  table(): RoutingTable;
  linkFor(operation: PendingOperation): NodeLink;
  sawEpoch(epoch: number): void;
  refreshSoon(): void;
}

/** Attempts in a row that are sent on at once when an answer says where to; then waiting is better. */
const maxRedirects = 2;

export class Dispatcher implements LinkOwner {
  readonly #context: DispatchContext;
  readonly #reader = new AnswerReader();
  readonly #pending: PendingList;
  readonly #aborts = new AbortWatch((pending, signal) => {
    this.#settle(pending, aborted(signal, this.#maybeApplied(pending)));
  });
  #isClosed = false;
  #started = 0;

  constructor(context: DispatchContext) {
    this.#context = context;
    this.#pending = new PendingList(
      () => performance.now(),
      (operation) => this.#expire(operation),
    );
  }

  /** Operations accepted and not settled. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Operations ever accepted. */
  get started(): number {
    return this.#started;
  }

  /** Sends an operation; one that `takesDetour` not straight to the leader. Rejects with `TitanError`. */
  start(operation: EngineOperation, call: CallContext, takesDetour = false): Promise<Answer> {
    const refusal = this.#refusal(operation, call);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#started += 1;
    return new Promise((resolve, reject) => {
      const deadlineMs = performance.now() + (call.timeoutMs ?? this.#context.options.defaultTimeoutMs);
      const slot = slotOf(operation.key);
      const pending = new PendingOperation({ operation, slot, deadlineMs, resolve, reject });
      if (takesDetour) pending.avoid = this.#leaderAddress(slot);
      this.#pending.add(pending);
      if (call.signal !== undefined) this.#aborts.add(pending, call.signal);
      this.resume(pending);
    });
  }

  /** Sends an operation on its way, for the first time or again. */
  resume(pending: PendingOperation): void {
    this.#context.linkFor(pending).submit(pending);
  }

  /** Accepts nothing more, waits until everything is settled, at most `graceMs`, then fails the rest with CLOSED. */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#pending.whenEmpty(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    for (const pending of this.#pending.all()) {
      const reason = failure({ code: "CLOSED", outcome: "NOT_APPLIED", message: "the client was closed" });
      this.#settle(pending, errorOf(reason, this.#maybeApplied(pending)));
    }
    this.#pending.stop();
  }

  prepare(pending: PendingOperation): boolean {
    if (pending.isSettled) return false;
    const leftMs = Math.ceil(pending.deadlineMs - performance.now());
    if (leftMs < 1) {
      this.#expire(pending);
      return false;
    }
    pending.timeoutMs = leftMs;
    return !pending.isWrite || !this.#context.options.atMostOnce || this.#context.identities.assign(pending);
  }

  answered(pending: PendingOperation, result: ResultView, link: NodeLink): void {
    if (pending.isSettled) return;
    const answer = this.#reader.read(pending.operation, result);
    if (!("kind" in answer)) {
      this.failed(pending, answer, link, true);
      return;
    }
    this.#context.budget.answered();
    if (pending.isWrite) {
      if (pending.session !== undefined) pending.session.isAccepted = true;
      // A write is served by the leader, whoever passed it on.
      const { shard, node, term } = answer.origin;
      const table = this.#context.table();
      if (node !== 0 && table.leaderOf(shard).node !== node) table.learnLeader(shard, { node, term });
    }
    this.#settle(pending, answer);
  }

  failed(pending: PendingOperation, reason: Failure, link: NodeLink, wasSent: boolean): void {
    if (pending.isSettled) return;
    pending.carrier = undefined;
    pending.failures += 1;
    pending.lastFailure = reason;
    if (wasSent && mayHaveApplied(reason, pending.isWrite)) pending.maybeApplied = true;
    const canRedirect = this.#learn(pending, reason, link);
    const { isWrite, maybeApplied } = pending;
    const verdict = judge(reason, { isWrite, maybeApplied, hasIdentity: pending.session !== undefined });
    if (verdict === "fail" || pending.failures >= this.#context.options.maxAttempts) {
      this.#settle(pending, errorOf(reason, maybeApplied));
      return;
    }
    if (verdict === "retry-in-new-session") {
      this.#context.identities.expire(pending);
      this.#context.identities.release(pending);
    }
    this.#retry(pending, reason, { canRedirect, wasSent });
  }

  epochSeen(epoch: number): void {
    this.#context.sawEpoch(epoch);
  }

  connected(link: NodeLink): void {
    this.#context.events.emit("connect", { address: link.address });
  }

  disconnected(link: NodeLink, reason: string): void {
    this.#context.events.emit("disconnect", { address: link.address, reason });
    if (!this.#isClosed) this.#context.refreshSoon();
  }

  #refusal(operation: EngineOperation, call: CallContext): TitanError | undefined {
    if (this.#isClosed) {
      return new TitanError("CLOSED", "the client is closed", { outcome: "NOT_APPLIED" });
    }
    if (call.signal?.aborted === true) return aborted(call.signal, false);
    const { maxPendingOperations, maxPendingBytes } = this.#context.options;
    if (this.#pending.size >= maxPendingOperations) {
      return overloaded(`${maxPendingOperations} operations`);
    }
    if (this.#pending.size > 0 && this.#pending.bytes + operation.bytes > maxPendingBytes) {
      return overloaded(`${maxPendingBytes} bytes`);
    }
    return undefined;
  }

  #leaderAddress(slot: number): string {
    const table = this.#context.table();
    return table.addressOf(table.leaderOf(table.shardOf(slot)).node) ?? "";
  }

  /** Takes from a failure what helps the next attempt. Returns whether that can go at once. */
  #learn(pending: PendingOperation, reason: Failure, link: NodeLink): boolean {
    const context = this.#context;
    context.sawEpoch(reason.epoch);
    // What an unreachable or overtaxed node would say again; a node with a better idea is asked by its name.
    pending.avoid = reason.code === "UNAVAILABLE" || reason.code === "STALE" ? link.address : "";
    const { code } = reason;
    if (code !== "WRONG_SHARD" && code !== "NOT_LEADER" && code !== "LEADER_CHANGED") return false;
    if (code !== "WRONG_SHARD" && this.#learnLeader(pending, reason)) return true;
    context.refreshSoon();
    return false;
  }

  /** Takes over who leads the key's shard, or that nobody is known to. Returns whether it is known, and where. */
  #learnLeader(pending: PendingOperation, { leader }: Failure): boolean {
    const table = this.#context.table();
    const shard = table.shardOf(pending.slot);
    const node = leader?.node ?? 0;
    if (node !== 0 && leader !== undefined && leader.address !== "") table.learnAddress(node, leader.address);
    // The hint has no term; it is newer than what led here.
    table.learnLeader(shard, { node, term: table.leaderOf(shard).term });
    return node !== 0 && table.addressOf(node) !== undefined;
  }

  #retry(pending: PendingOperation, reason: Failure, how: { canRedirect: boolean; wasSent: boolean }): void {
    const { options, budget, events } = this.#context;
    const nowMs = performance.now();
    const isRedirect = how.canRedirect && pending.redirects < maxRedirects;
    pending.redirects = isRedirect ? pending.redirects + 1 : 0;
    let delayMs = isRedirect ? 0 : backoffMs(pending.failures, options.backoff, Math.random);
    delayMs = Math.max(delayMs, reason.retryAfterMs);
    // What never left the process, or was only sent to the wrong door, has cost nobody anything.
    const isCharged = how.wasSent && !isRedirect;
    if (isCharged) delayMs = Math.max(delayMs, budget.take(nowMs));
    if (nowMs + delayMs >= pending.deadlineMs) {
      if (isCharged) budget.giveBack();
      this.#settle(pending, errorOf(reason, pending.maybeApplied));
      return;
    }
    if (events.has("retry")) {
      const { kind } = pending.operation;
      const { code, outcome } = reason;
      events.emit("retry", { operation: kind, code, outcome, attempt: pending.failures, delayMs });
    }
    if (delayMs === 0) this.resume(pending);
    else pending.retryTimer = setTimeout(() => this.#resumeAfterWait(pending), delayMs);
  }

  #resumeAfterWait(pending: PendingOperation): void {
    pending.retryTimer = undefined;
    this.resume(pending);
  }

  #expire(pending: PendingOperation): void {
    const last = pending.lastFailure;
    const maybeApplied = this.#maybeApplied(pending);
    const what =
      last === undefined
        ? "before an answer came"
        : `after ${pending.failures} failed attempts, the last: ${last.message}`;
    const error = new TitanError(
      "DEADLINE_EXCEEDED",
      `the time for the ${pending.operation.kind} was over ${what}`,
      {
        outcome: maybeApplied ? "UNKNOWN" : "NOT_APPLIED",
        cause: last === undefined ? undefined : errorOf(last, maybeApplied),
      },
    );
    this.#settle(pending, error);
  }

  /** Whether an operation that is given up now may have been applied: an attempt under way counts. */
  #maybeApplied(pending: PendingOperation): boolean {
    return pending.maybeApplied || (pending.isWrite && pending.carrier?.hasSent === true);
  }

  #settle(pending: PendingOperation, outcome: Answer | TitanError): void {
    pending.carrier?.forget(pending);
    pending.carrier = undefined;
    clearTimeout(pending.retryTimer);
    this.#aborts.remove(pending);
    this.#pending.remove(pending);
    pending.settle(outcome);
    // After it counts as settled, since this lets parked writes go, and this one may be among them.
    this.#context.identities.release(pending);
  }
}

function aborted(signal: AbortSignal, maybeApplied: boolean): TitanError {
  return new TitanError("ABORTED", "the call was aborted by its signal", {
    outcome: maybeApplied ? "UNKNOWN" : "NOT_APPLIED",
    cause: signal.reason,
  });
}

function overloaded(what: string): TitanError {
  return new TitanError("OVERLOADED", `the client has ${what} under way already; wait for some of them`, {
    outcome: "NOT_APPLIED",
  });
}
