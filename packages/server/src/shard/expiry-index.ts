/** A key and the time at which it expires. */
export interface Expiring {
  readonly expiresAtMs: number;
  readonly key: Uint8Array;
}

function isBefore(a: Expiring, b: Expiring): boolean {
  // Every replica must remove keys in the same order, so ties are broken by the key.
  return (
    a.expiresAtMs < b.expiresAtMs || (a.expiresAtMs === b.expiresAtMs && Buffer.compare(a.key, b.key) < 0)
  );
}

/**
 * The keys that expire, earliest first: a binary heap. A key that is overwritten or removed stays in the heap until its old
 * time comes; whoever takes it out compares that time with the key's present one.
 */
export class ExpiryIndex {
  #heap: Expiring[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest time at which something may expire; `undefined` when nothing does. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.expiresAtMs;
  }

  add(item: Expiring): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(item);
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (!isBefore(item, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = item;
  }

  /** Takes the earliest item out if its time is at or before `timeMs`. */
  takeDue(timeMs: number): Expiring | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.expiresAtMs > timeMs) return undefined;
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(item: Expiring): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, item)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = item;
  }
}
