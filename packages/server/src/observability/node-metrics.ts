/** Every metric of a node, in one place, so that names, labels and units are chosen together. */
import type { CellFamily, CounterCell, GaugeCell, HistogramCell } from "./metric-cells.ts";
import { MetricsRegistry } from "./metrics-registry.ts";

/** From a fraction of a local read to a request that waits for an election, in seconds. */
const requestBounds = [
  0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
/** From a battery-backed disk to one that should be replaced, in seconds. */
const diskBounds = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
];

/** What became of a comparison of replicas after a read. */
export type ReadRepairResult = "match" | "lag" | "repaired" | "diverged" | "skipped";
const readRepairResults: readonly ReadRepairResult[] = ["match", "lag", "repaired", "diverged", "skipped"];

/** The metrics of a node. Labels are given in the order of the comments; keep the cells. */
export interface NodeMetrics {
  readonly registry: MetricsRegistry;
  /** `method`, `level` (of a read, else empty), `code` (`ok` or a status code). */
  readonly requestDuration: CellFamily<HistogramCell>;
  /** `method`. */
  readonly requestsInFlight: CellFamily<GaugeCell>;
  /** `shard`, `result`: committed, dropped (safe to retry) or unknown. */
  readonly raftProposals: CellFamily<CounterCell>;
  /** `shard`. */
  readonly raftLeaderChanges: CellFamily<CounterCell>;
  /** `shard`: entries committed and not applied yet. */
  readonly raftApplyLag: CellFamily<GaugeCell>;
  /** `shard`: 1 on the node that leads. */
  readonly raftIsLeader: CellFamily<GaugeCell>;
  readonly walFsyncDuration: HistogramCell;
  /** `shard`. */
  readonly bitcaskKeys: CellFamily<GaugeCell>;
  /** `shard`, `state`: live or dead. */
  readonly bitcaskBytes: CellFamily<GaugeCell>;
  readonly readRepairChecks: Readonly<Record<ReadRepairResult, CounterCell>>;
  readonly slotMoveFreeze: HistogramCell;
  /** `queue`. */
  readonly queuedBytes: CellFamily<GaugeCell>;
  /** `queue`. */
  readonly queuedOperations: CellFamily<GaugeCell>;
  /** `queue`: operations answered OVERLOADED because it was full. */
  readonly queueRefused: CellFamily<CounterCell>;
  /** `port`: client or peer. */
  readonly connections: CellFamily<GaugeCell>;
  /** `kind`. */
  readonly alarms: CellFamily<GaugeCell>;
}

/** Makes the metrics of a node. */
export function createNodeMetrics(): NodeMetrics {
  const registry = new MetricsRegistry();
  return {
    registry,
    requestDuration: registry.histogram(
      {
        name: "titan_request_duration_seconds",
        help: "Time from a request to its answer",
        labels: ["method", "level", "code"],
      },
      requestBounds,
    ),
    requestsInFlight: registry.gauge({
      name: "titan_requests_in_flight",
      help: "Requests that are being answered",
      labels: ["method"],
    }),
    raftProposals: registry.counter({
      name: "titan_raft_proposals_total",
      help: "Proposals by what became of them",
      labels: ["shard", "result"],
    }),
    raftLeaderChanges: registry.counter({
      name: "titan_raft_leader_changes_total",
      help: "Changes of leader that this node saw",
      labels: ["shard"],
    }),
    raftApplyLag: registry.gauge({
      name: "titan_raft_apply_lag_entries",
      help: "Committed entries that are not applied yet",
      labels: ["shard"],
    }),
    raftIsLeader: registry.gauge({
      name: "titan_raft_is_leader",
      help: "1 on the node that leads the shard",
      labels: ["shard"],
    }),
    ...storageMetrics(registry),
    ...trafficMetrics(registry),
  };
}

function storageMetrics(
  registry: MetricsRegistry,
): Pick<
  NodeMetrics,
  "walFsyncDuration" | "bitcaskKeys" | "bitcaskBytes" | "readRepairChecks" | "slotMoveFreeze"
> {
  const checks = registry.counter({
    name: "titan_read_repair_checks_total",
    help: "Comparisons of replicas after reads, by what they found",
    labels: ["result"],
  });
  return {
    walFsyncDuration: registry
      .histogram(
        { name: "titan_wal_fsync_duration_seconds", help: "Time to make a batch of the log durable" },
        diskBounds,
      )
      .with(),
    bitcaskKeys: registry.gauge({
      name: "titan_bitcask_keys",
      help: "Keys in a shard's replica on this node",
      labels: ["shard"],
    }),
    bitcaskBytes: registry.gauge({
      name: "titan_bitcask_bytes",
      help: "Bytes in a shard's data files on this node",
      labels: ["shard", "state"],
    }),
    // All results exist from the beginning, so that a rate over one that never happened is zero and not nothing.
    readRepairChecks: Object.fromEntries(
      readRepairResults.map((result) => [result, checks.with(result)]),
    ) as Record<ReadRepairResult, CounterCell>,
    slotMoveFreeze: registry
      .histogram(
        { name: "titan_slot_move_freeze_seconds", help: "How long slots were refused while they moved" },
        requestBounds,
      )
      .with(),
  };
}

function trafficMetrics(
  registry: MetricsRegistry,
): Pick<NodeMetrics, "queuedBytes" | "queuedOperations" | "queueRefused" | "connections" | "alarms"> {
  return {
    queuedBytes: registry.gauge({
      name: "titan_queue_bytes",
      help: "Bytes that wait in a queue",
      labels: ["queue"],
    }),
    queuedOperations: registry.gauge({
      name: "titan_queue_operations",
      help: "Operations that wait in a queue",
      labels: ["queue"],
    }),
    queueRefused: registry.counter({
      name: "titan_queue_refused_total",
      help: "Operations refused because a queue was full",
      labels: ["queue"],
    }),
    connections: registry.gauge({
      name: "titan_connections",
      help: "Connections that are open",
      labels: ["port"],
    }),
    alarms: registry.gauge({ name: "titan_alarms", help: "Alarms that are raised", labels: ["kind"] }),
  };
}
