/**
 * Operations by the signal that ends them. A program may give one signal to thousands of calls: a listener for each would
 * make adding and removing them slow, since a target keeps its listeners in a list.
 */
import type { PendingOperation } from "./pending-operation.ts";

interface Watched {
  readonly operations: Set<PendingOperation>;
  readonly listener: () => void;
}

export class AbortWatch {
  readonly #onAborted: (operation: PendingOperation, signal: AbortSignal) => void;
  readonly #watched = new Map<AbortSignal, Watched>();

  /** `onAborted` must settle the operation. */
  constructor(onAborted: (operation: PendingOperation, signal: AbortSignal) => void) {
    this.#onAborted = onAborted;
  }

  /** Watches the signal of an operation that was not sent yet. The signal has not fired. */
  add(operation: PendingOperation, signal: AbortSignal): void {
    operation.signal = signal;
    let watched = this.#watched.get(signal);
    if (watched === undefined) {
      watched = { operations: new Set(), listener: () => this.#fired(signal) };
      signal.addEventListener("abort", watched.listener, { once: true });
      this.#watched.set(signal, watched);
    }
    watched.operations.add(operation);
  }

  /** The operation is settled. */
  remove(operation: PendingOperation): void {
    const { signal } = operation;
    if (signal === undefined) return;
    operation.signal = undefined;
    const watched = this.#watched.get(signal);
    if (watched === undefined) return;
    watched.operations.delete(operation);
    if (watched.operations.size > 0) return;
    signal.removeEventListener("abort", watched.listener);
    this.#watched.delete(signal);
  }

  #fired(signal: AbortSignal): void {
    const operations = [...(this.#watched.get(signal)?.operations ?? [])];
    for (const operation of operations) this.#onAborted(operation, signal);
  }
}
