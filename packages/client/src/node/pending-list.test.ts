import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PendingList } from "./pending-list.ts";
import { PendingOperation } from "./pending-operation.ts";

function operation(deadlineMs: number): PendingOperation {
  return new PendingOperation({
    operation: { kind: "get", key: "k", level: 1, minRevision: 0, maxStalenessMs: 0, bytes: 10 },
    slot: 0,
    deadlineMs,
    resolve: () => undefined,
    reject: () => undefined,
  });
}

function listOf(): { list: PendingList; expired: number[] } {
  const expired: number[] = [];
  const list: PendingList = new PendingList(
    () => performance.now(),
    (each) => {
      expired.push(each.deadlineMs);
      each.isSettled = true;
      list.remove(each);
    },
  );
  return { list, expired };
}

describe("the list of pending operations", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("expires operations after their deadlines, never before, whatever the order in which they came", async () => {
    const { list, expired } = listOf();
    const startMs = performance.now();
    for (const afterMs of [500, 20, 300, 20, 4000]) list.add(operation(startMs + afterMs));
    await vi.advanceTimersByTimeAsync(19);
    expect(expired).toEqual([]);
    await vi.advanceTimersByTimeAsync(12);
    expect(expired.map((deadlineMs) => deadlineMs - startMs)).toEqual([20, 20]);
    await vi.advanceTimersByTimeAsync(500);
    expect(expired.map((deadlineMs) => deadlineMs - startMs)).toEqual([20, 20, 300, 500]);
    expect(list.size).toBe(1);
    // One that comes later and is over earlier.
    list.add(operation(performance.now() + 50));
    await vi.advanceTimersByTimeAsync(61);
    expect(expired).toHaveLength(5);
    await vi.advanceTimersByTimeAsync(4000);
    expect(list.size).toBe(0);
  });

  it("counts operations and bytes, unlinks any of them, and tells when it is empty", () => {
    const { list } = listOf();
    const all = [1e9, 2e9, 3e9].map(operation);
    for (const each of all) list.add(each);
    expect([list.size, list.bytes]).toEqual([3, 30]);
    list.remove(all[1]!);
    expect(list.all()).toEqual([all[0], all[2]]);
    list.remove(all[2]!);
    let isEmpty = false;
    list.whenEmpty(() => {
      isEmpty = true;
    });
    expect(isEmpty).toBe(false);
    list.remove(all[0]!);
    expect(isEmpty).toBe(true);
    expect([list.size, list.bytes, list.all()]).toEqual([0, 0, []]);
    list.stop();
  });
});
