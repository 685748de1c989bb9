import type { PendingOperation } from "./pending-operation.ts";

/** Operations taken from the front are cut off the array when there are this many of them. */
const compactAfter = 1024;

/** Operations on their way to a node, first in, first out. */
export class OperationQueue {
  #items: (PendingOperation | undefined)[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#items.length;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(operation: PendingOperation): void {
    this.#items.push(operation);
  }

  /** The next operation, left where it is. */
  peek(): PendingOperation | undefined {
    return this.#items[this.#head];
  }

  shift(): PendingOperation | undefined {
    const operation = this.#items[this.#head];
    if (operation === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= compactAfter) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return operation;
  }

  /** Takes everything out. */
  drain(): PendingOperation[] {
    const rest = this.#items.slice(this.#head) as PendingOperation[];
    this.#items.length = 0;
    this.#head = 0;
    return rest;
  }
}
