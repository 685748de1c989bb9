import { Alarm_Kind as AlarmKind } from "@titan-kv/proto";
import type { Logger } from "pino";
import type { MetaCommand, MetaResult } from "../meta/meta-command.ts";
import { ConsistencyCheck } from "../repair/consistency-check.ts";
import type { AlarmBoard } from "./alarm-board.ts";
import type { NodeCalls } from "./node-calls.ts";
import type { NodeRuntime } from "./node-runtime.ts";
import type { NodeSettings } from "./node-settings.ts";

/** A check that works on a node's replicas, and has the meta group replace those that are out of line. */
export function createConsistencyCheck(fields: {
  readonly calls: NodeCalls;
  readonly runtime: () => NodeRuntime | undefined;
  readonly propose: (command: MetaCommand) => Promise<MetaResult>;
  readonly alarms: AlarmBoard;
  readonly settings: NodeSettings;
  readonly logger: Logger;
}): ConsistencyCheck {
  const { calls, runtime, propose, alarms, settings, logger } = fields;
  return new ConsistencyCheck({
    shards: () => runtime()?.shards.all() ?? [],
    otherHolders: (shard) => runtime()?.otherHolders(shard) ?? [],
    report: (node, shard, index) => calls.pointReport(node, shard, index),
    onDiverged: (shard, node) => {
      const message = `node ${node} held another state of shard ${shard}; its replica is being replaced by a fresh copy`;
      alarms.raise({ kind: AlarmKind.DIVERGED, shard }, message);
      propose({ type: "reseedReplica", shard, node }).catch((error: unknown) => {
        logger.error({ err: error, shard, node }, "a diverged replica could not be replaced yet");
      });
    },
    onUndecided: (shard) => {
      const message = `the leader of shard ${shard} differs from other replicas: find out which one is right, replace the others`;
      alarms.raise({ kind: AlarmKind.DIVERGED, shard }, message);
      runtime()?.fence(shard, message);
    },
    onDamage: (shard, error) => {
      logger.error({ err: error, shard }, "a replica could not be read to its end");
      alarms.raise(
        { kind: AlarmKind.CORRUPT, shard },
        "a record is damaged on this node; it heals when it is read",
      );
    },
    intervalMs: settings.verifyIntervalMs,
    digestIntervalMs: settings.digestIntervalMs,
    now: () => performance.now(),
    wallClock: Date.now,
    logger,
  });
}
