/** What a running node shows of itself: metrics when they are asked for, health when it changes. */
import type { Metrics } from "@titan-kv/raft/host";
import { HealthStates } from "../http/health.ts";
import type { Page } from "../http/pages.ts";
import { createNodeMetrics, type NodeMetrics } from "../observability/node-metrics.ts";
import { addPeerMetrics } from "../observability/peer-metrics.ts";
import type { PeerNetwork } from "../peer/peer-network.ts";
import type { Repairer } from "../repair/repairer.ts";
import type { NodeRuntime } from "./node-runtime.ts";

/** How often health is looked at, in milliseconds. */
const healthIntervalMs = 500;
const millisecondsPerSecond = 1000;

/** The services whose health is told. */
const healthServices = ["titan.kv.v1.KvService", "titan.cluster.v1.ClusterService"];

export class NodeTelemetry {
  readonly metrics: NodeMetrics = createNodeMetrics();
  readonly health: HealthStates = new HealthStates(healthServices);
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    this.metrics.registry.addProcessMetrics();
  }

  /** What the raft host reports to. */
  readonly raftMetrics: Metrics = {
    count: (name, by) => {
      if (name === "proposalsDropped") this.metrics.raftProposals.with("all", "dropped").add(by);
      else if (name === "proposalsUnknown") this.metrics.raftProposals.with("all", "unknown").add(by);
      else if (name === "entriesApplied") this.#applied.add(by);
    },
    observe: (name, value) => {
      if (name === "logWriteMs") this.metrics.walFsyncDuration.observe(value / millisecondsPerSecond);
    },
  };

  readonly #applied = this.metrics.registry
    .counter({ name: "titan_raft_entries_applied_total", help: "Entries that this node's replicas applied" })
    .with();

  /** Begins to show the parts of a node. */
  start(parts: {
    readonly runtime: NodeRuntime;
    readonly network: PeerNetwork;
    readonly repairer: Repairer;
  }): void {
    const { runtime, network, repairer } = parts;
    addPeerMetrics(this.metrics.registry, () => network.status());
    this.metrics.registry.onScrape(() => this.#collect(runtime, repairer));
    this.#timer = setInterval(
      () => this.health.setAll(runtime.unreadyReasons().length === 0),
      healthIntervalMs,
    );
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.health.setAll(false);
  }

  page(): Promise<Page> {
    return this.metrics.registry.page();
  }

  #collect(runtime: NodeRuntime, repairer: Repairer): void {
    const { metrics } = this;
    for (const family of [
      metrics.raftApplyLag,
      metrics.raftIsLeader,
      metrics.bitcaskKeys,
      metrics.bitcaskBytes,
    ]) {
      family.clear();
    }
    for (const { shard, group, store, local } of runtime.shards.all()) {
      const label = String(shard);
      const { hardState, stateIndex, role } = group.status();
      const { keys, liveBytes, deadBytes } = store.stats();
      metrics.raftApplyLag.with(label).set(Math.max(0, hardState.commit - stateIndex));
      metrics.raftIsLeader.with(label).set(role === "leader" ? 1 : 0);
      metrics.bitcaskKeys.with(label).set(keys);
      metrics.bitcaskBytes.with(label, "live").set(liveBytes);
      metrics.bitcaskBytes.with(label, "dead").set(deadBytes);
      metrics.queuedOperations.with(`writes of shard ${label}`).set(local.writes.pending);
    }
    for (const [result, count] of Object.entries(repairer.counters)) {
      metrics.readRepairChecks[result as keyof Repairer["counters"]].value = count;
    }
  }
}
