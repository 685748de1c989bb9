/** `MaintenanceService` of one node, made from its parts. */
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Alarm, Alarm_Kind as AlarmKind, AlarmSchema, type MaintenanceService } from "@titan-kv/proto";
import type { ReadPage } from "../kv/scan-merge.ts";
import type { ShardScanRequest } from "../kv/shard-scan.ts";
import { metaShard } from "../meta/cluster-map.ts";
import type { MetaCommand, MetaResult } from "../meta/meta-command.ts";
import { restoresOf } from "../meta/restore-record.ts";
import type { NodeCalls } from "../node/node-calls.ts";
import type { NodeRuntime } from "../node/node-runtime.ts";
import { version } from "../node/version.ts";
import type { Logger } from "pino";
import { MaintenanceCalls } from "./maintenance-calls.ts";
import { createMaintenanceHandlers } from "./maintenance-handlers.ts";
import type { NodeMaintenance } from "./node-maintenance.ts";
import { RestoreProposer } from "./restore-proposer.ts";
import { SnapshotSaver } from "./save-snapshot.ts";

/** Asks whether there is any key. */
const firstKey: ShardScanRequest = {
  start: new Uint8Array(0),
  end: new Uint8Array(0),
  reverse: false,
  limit: 1,
  keysOnly: true,
};

/** The alarm of a restore that has not finished; every node knows of it from the map. */
export function restoreAlarms(runtime: NodeRuntime): Alarm[] {
  const { active, beganMs } = restoresOf(runtime.map);
  if (!active) return [];
  const message =
    "a restore has begun and not finished: no data is served. If it does not run any more, restore again with --restart, or `titan snapshot abandon`";
  return [
    create(AlarmSchema, {
      kind: AlarmKind.RESTORING,
      node: runtime.node,
      message,
      sinceMs: BigInt(beganMs),
    }),
  ];
}

function now(): number {
  return performance.now();
}

/** Makes the service. */
export function createMaintenanceService(fields: {
  readonly runtime: NodeRuntime;
  readonly calls: NodeCalls;
  readonly here: NodeMaintenance;
  readonly propose: (command: MetaCommand) => Promise<MetaResult>;
  readonly nodeReports: () => Promise<{
    readonly statuses: readonly { readonly id: number }[];
    readonly alarms: Alarm[];
  }>;
  readonly readPage: ReadPage;
  readonly logger: Logger;
}): ServiceImpl<typeof MaintenanceService> {
  const { runtime, here, propose, nodeReports, readPage, logger } = fields;
  const calls = new MaintenanceCalls({ runtime, calls: fields.calls, here });
  const wallClock = Date.now;
  const shards = (): number[] => runtime.map.shards.map(({ id }) => id).filter((id) => id !== metaShard);
  const nodes = (): number[] =>
    runtime.map.nodes.filter(({ state }) => state !== "removed").map(({ id }) => id);
  const leaderOf = (shard: number): number => runtime.board.leaderOf(shard);
  return createMaintenanceHandlers({
    nodes,
    calls,
    saver: new SnapshotSaver({
      shards,
      open: (shard) => calls.openView(shard),
      clusterId: () => runtime.map.clusterId,
      release: version,
      now,
      wallClock,
    }),
    restore: {
      shards,
      shardOf: (key) => runtime.router.shardOf(key),
      epoch: () => runtime.map.epoch,
      holdsData: async () => {
        const pages = await Promise.allSettled(shards().map((shard) => readPage(shard, firstKey)));
        return pages.some((page) => page.status === "fulfilled" && page.value.entries.length > 0);
      },
      isRestoring: () => restoresOf(runtime.map).active,
      propose,
      proposer: new RestoreProposer({
        leaderOf,
        propose: (node, shard, command) => calls.restoreStep(node, shard, command),
        now,
        wallClock,
      }),
      wallClock,
      logger,
    },
    verify: {
      placement: () =>
        runtime.map.shards
          .filter(({ id }) => id !== metaShard)
          .map(({ id, replicas }) => ({ shard: id, nodes: replicas.map(({ node }) => node) })),
      scrub: (node, signal) => calls.scrub(node, signal),
      compare: (shard) => calls.compare(shard),
      leaderOf,
    },
    alarms: async () => {
      const { statuses, alarms } = await nodeReports();
      const answered = new Set(statuses.map(({ id }) => id));
      return { alarms, silentNodes: nodes().filter((node) => !answered.has(node)) };
    },
  });
}
