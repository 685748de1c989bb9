/**
 * Every operation that is not settled, and the one timer for all their deadlines.
 *
 * A timer for each of a hundred thousand operations a second would cost more than they do. Nearly all are answered long
 * before their time is over, so the list keeps a lower bound of the next deadline and is looked through when that is
 * reached: with operations that take milliseconds and may take seconds, that is once in seconds.
 */
import type { PendingOperation } from "./pending-operation.ts";

/** The list is not looked through more often than this, in milliseconds: deadlines are met late by at most as much. */
const minScanIntervalMs = 10;

export class PendingList {
  readonly #now: () => number;
  readonly #onExpired: (operation: PendingOperation) => void;
  #first: PendingOperation | undefined;
  #last: PendingOperation | undefined;
  #size = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. Invariant: no deadline in the list is earlier, unless the last scan was just before it. */
  #scanAtMs = Number.POSITIVE_INFINITY;
  #lastScanMs = Number.NEGATIVE_INFINITY;
  #onEmpty: (() => void) | undefined;

  /** `onExpired` must settle the operation, which removes it. */
  constructor(now: () => number, onExpired: (operation: PendingOperation) => void) {
    this.#now = now;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of the keys and values of all operations. */
  get bytes(): number {
    return this.#bytes;
  }

  add(operation: PendingOperation): void {
    operation.previous = this.#last;
    if (this.#last === undefined) this.#first = operation;
    else this.#last.next = operation;
    this.#last = operation;
    this.#size += 1;
    this.#bytes += operation.operation.bytes;
    if (operation.deadlineMs < this.#scanAtMs) this.#scanAt(operation.deadlineMs);
    else if (this.#size === 1) this.#timer?.ref();
  }

  remove(operation: PendingOperation): void {
    const { previous, next } = operation;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    operation.previous = undefined;
    operation.next = undefined;
    this.#size -= 1;
    this.#bytes -= operation.operation.bytes;
    if (this.#size > 0) return;
    // A process that has nothing else to do may end.
    this.#timer?.unref();
    this.#onEmpty?.();
  }

  /** Calls back once when the list is, or becomes, empty. */
  whenEmpty(callback: () => void): void {
    if (this.#size === 0) callback();
    else this.#onEmpty = callback;
  }

  /** The operations now in the list. */
  all(): PendingOperation[] {
    const operations: PendingOperation[] = [];
    for (let each = this.#first; each !== undefined; each = each.next) operations.push(each);
    return operations;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #scanAt(deadlineMs: number): void {
    clearTimeout(this.#timer);
    const atMs = Math.max(deadlineMs, this.#lastScanMs + minScanIntervalMs);
    this.#scanAtMs = atMs;
    this.#timer = setTimeout(() => this.#scan(), Math.max(1, Math.ceil(atMs - this.#now())));
    if (this.#size === 0) this.#timer.unref();
  }

  #scan(): void {
    const nowMs = this.#now();
    this.#lastScanMs = nowMs;
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const operation of this.all()) {
      if (operation.isSettled) continue;
      if (operation.deadlineMs <= nowMs) this.#onExpired(operation);
      else earliestMs = Math.min(earliestMs, operation.deadlineMs);
    }
    this.#scanAtMs = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
    if (earliestMs < Number.POSITIVE_INFINITY) this.#scanAt(earliestMs);
  }
}
