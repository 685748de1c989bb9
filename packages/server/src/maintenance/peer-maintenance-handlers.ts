/** The part of `PeerService` with which nodes look after each other. */
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  ClearNodeAlarmResponseSchema,
  CompactNodeResponseSchema,
  CompareReplicasResponseSchema,
  type PeerService,
  RestoreShardResponseSchema,
  SaveShardResponseSchema,
  ScrubReplicasResponseSchema,
  SetNodeLogLevelResponseSchema,
} from "@titan-kv/proto/peer";
import type { NodeMaintenance } from "./node-maintenance.ts";

type Handlers = Pick<
  ServiceImpl<typeof PeerService>,
  | "saveShard"
  | "restoreShard"
  | "scrubReplicas"
  | "compareReplicas"
  | "compactNode"
  | "clearNodeAlarm"
  | "setNodeLogLevel"
>;

export function createPeerMaintenanceHandlers(maintenance: NodeMaintenance): Handlers {
  return {
    async *saveShard({ shard }, { signal }) {
      const view = await maintenance.openView(shard);
      // A caller that goes away may leave this generator where it is.
      const release = (): void => view.release();
      signal.addEventListener("abort", release);
      try {
        yield create(SaveShardResponseSchema, { description: Buffer.from(JSON.stringify(view.description)) });
        for await (const block of view.blocks()) {
          signal.throwIfAborted();
          yield create(SaveShardResponseSchema, block);
        }
      } finally {
        signal.removeEventListener("abort", release);
        release();
      }
    },

    async restoreShard({ shard, command }) {
      const packed = await maintenance.restoreStep(shard, command);
      return create(RestoreShardResponseSchema, { packed: BigInt(packed) });
    },

    async *scrubReplicas(_request, { signal }) {
      for await (const progress of maintenance.scrub(signal)) {
        yield create(ScrubReplicasResponseSchema, { progress });
      }
    },

    async compareReplicas({ shard }) {
      const { same, differing, silent } = await maintenance.compare(shard);
      return create(CompareReplicasResponseSchema, {
        same: [...same],
        differing: [...differing],
        silent: [...silent],
      });
    },

    async compactNode() {
      return create(CompactNodeResponseSchema, { freedBytes: BigInt(await maintenance.compact()) });
    },

    clearNodeAlarm({ kind, shard }) {
      return create(ClearNodeAlarmResponseSchema, { cleared: maintenance.clearAlarm(kind, shard) });
    },

    setNodeLogLevel({ level }) {
      maintenance.setLogLevel(level);
      return create(SetNodeLogLevelResponseSchema, {});
    },
  };
}
