import { Alarm_Kind as AlarmKind } from "@titan-kv/proto";
import type { Logger } from "pino";
import type { FetchedRecord } from "../repair/heal-record.ts";
import { Repairer } from "../repair/repairer.ts";
import type { AlarmBoard } from "./alarm-board.ts";
import type { NodeCalls } from "./node-calls.ts";
import type { NodeRuntime } from "./node-runtime.ts";
import type { NodeSettings } from "./node-settings.ts";

/** A repairer that works on a node's replicas and asks the other nodes. */
export function createRepairer(fields: {
  readonly calls: NodeCalls;
  readonly runtime: () => NodeRuntime | undefined;
  readonly alarms: AlarmBoard;
  readonly settings: NodeSettings;
  readonly logger: Logger;
}): Repairer {
  const { calls, runtime, alarms, settings, logger } = fields;
  const otherHolders = (shard: number): number[] => runtime()?.otherHolders(shard) ?? [];

  const fetch = async (shard: number, key: Uint8Array): Promise<FetchedRecord> => {
    let failure: unknown = new Error(`no other node holds shard ${shard}`);
    for (const node of otherHolders(shard)) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- the next one is asked only if this one cannot help
        return await calls.fetchRecord(node, shard, key);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };

  return new Repairer({
    hosted: (shard) => runtime()?.shards.get(shard),
    otherHolders,
    fingerprint: (node, shard, key, atIndex) => calls.fingerprint(node, shard, key, atIndex),
    fetch,
    onDiverged: (shard, node) => {
      const message = `node ${node} holds another state of shard ${shard} at the same point of the log: replace that node`;
      alarms.raise({ kind: AlarmKind.DIVERGED, shard }, message);
    },
    sampleShare: settings.readRepairShare,
    random: Math.random,
    logger,
  });
}
