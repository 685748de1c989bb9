/**
 * The client's view of the cluster: fetched from any node, kept fresh by what answers tell, by failures, and slowly by time.
 *
 * A stale view costs a detour and never a wrong answer: nodes pass operations on, and shards check ownership themselves.
 */
import type { Topology } from "@titan-kv/proto";
import { RoutingTable, type ShardLeader } from "./routing-table.ts";

/** How often the view is renewed. */
export interface TopologyTiming {
  /** Milliseconds between two renewals of a client that is in use, give or take a fifth. Default 30,000. */
  readonly refreshIntervalMs: number;
  /** Milliseconds between two renewals at least, whatever failures ask for. Default 100. */
  readonly minRefreshMs: number;
}

export const defaultTopologyTiming: TopologyTiming = { refreshIntervalMs: 30_000, minRefreshMs: 100 };

/** Part of the interval by which it varies, so that clients that began together do not stay together. */
const jitter = 0.2;

/** What the cache needs. */
export interface TopologySource {
  /** Asks some node. Rejects when none answers. */
  fetch(): Promise<Topology>;
  /** A newer view was installed. */
  installed(table: RoutingTable): void;
  /** Whether the client was used since the last question. */
  wasUsed(): boolean;
}

export class TopologyCache {
  readonly #source: TopologySource;
  readonly #timing: TopologyTiming;
  #table: RoutingTable;
  /** A server's wall clock less our monotonic one, in milliseconds. */
  #clockOffsetMs: number;
  #refreshing: Promise<void> | undefined;
  #lastRefreshMs: number;
  #soonTimer: NodeJS.Timeout | undefined;
  #periodicTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(first: Topology, source: TopologySource, timing: TopologyTiming) {
    this.#source = source;
    this.#timing = timing;
    this.#table = new RoutingTable(first);
    this.#lastRefreshMs = performance.now();
    this.#clockOffsetMs = Number(first.nowMs) - this.#lastRefreshMs;
    this.#schedule();
  }

  get table(): RoutingTable {
    return this.#table;
  }

  /** A server's time in milliseconds since 1970. */
  serverNow(): number {
    return performance.now() + this.#clockOffsetMs;
  }

  learnLeader(shard: number, leader: ShardLeader): void {
    this.#table.learnLeader(shard, leader);
  }

  /** A node has a slot table of this version. */
  sawEpoch(epoch: number): void {
    if (epoch > this.#table.epoch) this.refreshSoon();
  }

  /** Renews the view now, or as soon as the last renewal is not too recent. */
  refreshSoon(): void {
    if (this.#refreshing !== undefined || this.#soonTimer !== undefined || this.#isClosed) return;
    const waitMs = this.#lastRefreshMs + this.#timing.minRefreshMs - performance.now();
    if (waitMs <= 0) {
      void this.refresh();
      return;
    }
    this.#soonTimer = setTimeout(() => {
      this.#soonTimer = undefined;
      void this.refresh();
    }, waitMs);
    this.#soonTimer.unref();
  }

  /** Renews the view; resolves also when no node answers, since the old one still serves. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#soonTimer);
    clearTimeout(this.#periodicTimer);
  }

  async #refresh(): Promise<void> {
    this.#lastRefreshMs = performance.now();
    try {
      this.#install(await this.#source.fetch());
    } catch {
      // Every link that failed has reported it; the next failure or the next interval asks again.
    }
  }

  #install(topology: Topology): void {
    const table = new RoutingTable(topology);
    const old = this.#table;
    // An address that came to belong to another cluster must not lead our writes there.
    if (table.clusterId !== old.clusterId || table.epoch < old.epoch || this.#isClosed) return;
    for (const { id } of topology.shards) {
      // The answering node may be behind on who leads, or not know it.
      const known = old.leaderOf(id);
      const told = table.leaderOf(id);
      if (known.term > told.term || (told.node === 0 && known.term === told.term))
        table.learnLeader(id, known);
    }
    this.#table = table;
    this.#clockOffsetMs = Number(topology.nowMs) - performance.now();
    this.#source.installed(table);
  }

  #schedule(): void {
    const { refreshIntervalMs } = this.#timing;
    const delayMs = refreshIntervalMs * (1 - jitter + Math.random() * 2 * jitter);
    this.#periodicTimer = setTimeout(() => {
      if (this.#source.wasUsed()) void this.refresh();
      this.#schedule();
    }, delayMs);
    this.#periodicTimer.unref();
  }
}
