import { create } from "@bufbuild/protobuf";
import { type Topology, TopologySchema } from "@titan-kv/proto";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { RoutingTable } from "./routing-table.ts";
import { TopologyCache } from "./topology-cache.ts";

interface Shape {
  readonly epoch?: number;
  readonly clusterId?: string;
  readonly leader?: number;
  readonly term?: number;
  readonly nowMs?: number;
}

function topology({ epoch = 1, clusterId = "c", leader = 1, term = 1, nowMs = 0 }: Shape): Topology {
  return create(TopologySchema, {
    clusterId,
    epoch: BigInt(epoch),
    nowMs: BigInt(nowMs),
    nodes: [
      { id: 1, address: "a:1" },
      { id: 2, address: "b:2" },
      { id: 3, address: "" },
    ],
    shards: [
      {
        id: 7,
        leader,
        term: BigInt(term),
        slots: [{ first: 0, last: 99 }],
        replicas: [{ node: 1 }, { node: 2 }, { node: 3, fenced: true }],
      },
    ],
  });
}

/** A cache with what the next question is answered with. */
function cacheOf(first: Shape) {
  const state: { next: Shape | undefined; asked: number; installed: RoutingTable[]; used: boolean } = {
    next: undefined,
    asked: 0,
    installed: [],
    used: true,
  };
  const cache = new TopologyCache(
    topology(first),
    {
      fetch: () => {
        state.asked += 1;
        return state.next === undefined
          ? Promise.reject(new Error("nobody"))
          : Promise.resolve(topology(state.next));
      },
      installed: (table) => state.installed.push(table),
      wasUsed: () => state.used,
    },
    { refreshIntervalMs: 1000, minRefreshMs: 100 },
  );
  return { cache, state };
}

afterEach(() => vi.useRealTimers());

describe("the client's view of the cluster", () => {
  it("knows slots, leaders, replicas that serve, and addresses", () => {
    const { table } = cacheOf({}).cache;
    expect([table.shardOf(0), table.shardOf(99), table.shardOf(100)]).toEqual([7, 7, 0]);
    expect(table.leaderOf(7)).toEqual({ node: 1, term: 1 });
    expect(table.leaderOf(8)).toEqual({ node: 0, term: 0 });
    expect(table.replicasOf(7)).toEqual([1, 2]);
    expect([...table.addresses]).toEqual(["a:1", "b:2"]);
    expect([table.nodes, table.shards]).toEqual([2, 1]);
  });

  it("goes forward only: not to an older epoch, and not to another cluster", async () => {
    const { cache, state } = cacheOf({ epoch: 5 });
    for (const next of [{ epoch: 4 }, { epoch: 9, clusterId: "other" }]) {
      state.next = next;
      await cache.refresh();
      expect(cache.table.epoch).toBe(5);
    }
    state.next = { epoch: 6 };
    await cache.refresh();
    expect(cache.table.epoch).toBe(6);
    state.next = undefined;
    await cache.refresh();
    expect(cache.table.epoch).toBe(6);
    cache.close();
  });

  it("believes the leader of the highest term, and forgets none for a node that does not know", async () => {
    const { cache, state } = cacheOf({ leader: 1, term: 3 });
    cache.table.learnLeader(7, { node: 2, term: 2 });
    expect(cache.table.leaderOf(7).node).toBe(1);
    cache.table.learnLeader(7, { node: 2, term: 4 });
    for (const next of [
      { leader: 1, term: 3 },
      { leader: 0, term: 4 },
    ]) {
      state.next = next;
      await cache.refresh();
      expect(cache.table.leaderOf(7)).toEqual({ node: 2, term: 4 });
    }
    state.next = { leader: 1, term: 5 };
    await cache.refresh();
    expect(cache.table.leaderOf(7)).toEqual({ node: 1, term: 5 });
    cache.close();
  });

  it("is asked for once however many want it, and not again at once", async () => {
    vi.useFakeTimers();
    const { cache, state } = cacheOf({});
    state.next = { epoch: 2 };
    for (let count = 0; count < 10; count += 1) cache.sawEpoch(2);
    await vi.advanceTimersByTimeAsync(101);
    expect(state.asked).toBe(1);
    cache.sawEpoch(2);
    cache.sawEpoch(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(state.asked).toBe(1);
    cache.close();
  });

  it("is renewed now and then while the client is used, and left alone when it is not", async () => {
    vi.useFakeTimers();
    const { cache, state } = cacheOf({});
    await vi.advanceTimersByTimeAsync(12_000);
    expect(state.asked).toBeGreaterThanOrEqual(9);
    expect(state.asked).toBeLessThanOrEqual(15);
    state.used = false;
    const before = state.asked;
    await vi.advanceTimersByTimeAsync(12_000);
    expect(state.asked).toBe(before);
    cache.close();
    state.used = true;
    await vi.advanceTimersByTimeAsync(12_000);
    expect(state.asked).toBe(before);
  });

  it("tells a server's time", () => {
    const { cache } = cacheOf({ nowMs: 1_000_000 });
    expect(cache.serverNow()).toBeGreaterThanOrEqual(1_000_000);
    expect(cache.serverNow()).toBeLessThan(1_010_000);
    cache.close();
  });
});
