import { describe, expect, it } from "vitest";

import type { Keydir, KeydirCursor, KeyRange } from "./keydir.ts";
import { createKeydir } from "./off-heap-keydir.ts";

const KEYS = 60_000;

function orderedKeydir(): Keydir {
  return createKeydir({ mode: "full", ordered: true, seed: 5n });
}

const keyOf = (n: number): Buffer => Buffer.from(`user:${n.toString().padStart(9, "0")}`);

function setKey(keydir: Keydir, n: number, seq: number): void {
  keydir.set(keyOf(n), { fileId: 1, offset: n, size: 1, seq, expiresAtMs: 0 });
}

function offsets(cursor: KeydirCursor | undefined): number[] {
  const found: number[] = [];
  while (cursor?.next() === true) found.push(cursor.offset);
  return found;
}

const scan = (keydir: Keydir, range?: KeyRange): number[] => offsets(keydir.ordered?.scan(range));

/** Every number below KEYS once, in an order without pattern. */
function shuffled(): number[] {
  const numbers = Array.from({ length: KEYS }, (_, n) => n);
  let state = 12_345;
  for (let i = KEYS - 1; i > 0; i--) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const j = state % (i + 1);
    [numbers[i], numbers[j]] = [numbers[j] ?? 0, numbers[i] ?? 0];
  }
  return numbers;
}

const gone = (n: number): boolean => n < 20_000 || n >= 50_000 || (n >= 30_000 && n < 40_000);

const inOrder = Array.from({ length: KEYS }, (_, n) => n);

describe("an ordered index of three levels", () => {
  it.each([
    ["in order", inOrder],
    ["in reverse order", inOrder.toReversed()],
    ["in no order", shuffled()],
  ])("tells keys that came %s sorted, both ways", (_, numbers) => {
    const keydir = orderedKeydir();
    for (const [i, n] of numbers.entries()) setKey(keydir, n, i + 1);
    expect(scan(keydir)).toEqual(inOrder);
    expect(scan(keydir, { reverse: true })).toEqual(inOrder.toReversed());
    expect(scan(keydir, { gte: keyOf(31_000), lt: keyOf(31_003) })).toEqual([31_000, 31_001, 31_002]);
    expect(scan(keydir, { gt: keyOf(59_997) })).toEqual([59_998, 59_999]);
    expect(scan(keydir, { lte: keyOf(2), reverse: true, limit: 2 })).toEqual([2, 1]);
    expect(scan(keydir, { prefix: Buffer.from("user:00004200") })).toEqual(inOrder.slice(42_000, 42_010));
  });

  it("stays right while nearly all keys go, in no order, and new ones come", () => {
    const keydir = orderedKeydir();
    const numbers = shuffled();
    for (const [i, n] of numbers.entries()) setKey(keydir, n, i + 1);
    const full = keydir.bytes;
    const kept = new Set(numbers.slice(0, 500));
    for (const n of numbers) if (!kept.has(n)) keydir.remove(keyOf(n));
    const sorted = [...kept].toSorted((a, b) => a - b);
    expect(scan(keydir)).toEqual(sorted);
    expect(scan(keydir, { reverse: true })).toEqual(sorted.toReversed());
    for (const n of kept) keydir.remove(keyOf(n));
    expect(scan(keydir)).toEqual([]);
    expect(scan(keydir, { reverse: true })).toEqual([]);
    for (const [i, n] of numbers.entries()) setKey(keydir, n, KEYS + i + 1);
    expect(scan(keydir)).toEqual(inOrder);
    expect(keydir.bytes).toBeLessThan(full * 1.2);
  });

  it("removes ranges from either end and from the middle", () => {
    const keydir = orderedKeydir();
    for (const n of inOrder) setKey(keydir, n, n + 1);
    for (const n of inOrder) if (gone(n)) keydir.remove(keyOf(n));
    const left = inOrder.filter((n) => !gone(n));
    expect(scan(keydir)).toEqual(left);
    expect(scan(keydir, { reverse: true })).toEqual(left.toReversed());
    expect(scan(keydir, { gte: keyOf(30_000), limit: 1 })).toEqual([40_000]);
    expect(scan(keydir, { lt: keyOf(40_000), reverse: true, limit: 1 })).toEqual([29_999]);
  });

  it("lets a walk over the living go on through changes, telling once what stays", () => {
    const keydir = orderedKeydir();
    for (const n of inOrder) if (n % 2 === 0) setKey(keydir, n, n + 1);
    const cursor = keydir.ordered?.scan();
    const told: number[] = [];
    for (let i = 0; cursor?.next() === true; i++) {
      told.push(cursor.offset);
      // Behind the walk and ahead of it, keys come and go; even numbers that are no multiples of 10 stay.
      if (i % 5 === 0) setKey(keydir, (i * 7 + 1) % KEYS, KEYS + i + 1);
      keydir.remove(keyOf((i * 10) % KEYS));
    }
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(new Set(told).size).toBe(told.length);
    const stayed = inOrder.filter((n) => n % 2 === 0 && n % 10 !== 0);
    expect(told.filter((n) => n % 2 === 0 && n % 10 !== 0)).toEqual(stayed);
  });
});
