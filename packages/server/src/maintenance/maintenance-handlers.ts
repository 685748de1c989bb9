/** `MaintenanceService`: backups, checks, alarms. */
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { crc32 } from "node:zlib";
import {
  AbandonRestoreResponseSchema,
  type Alarm,
  Alarm_Kind as AlarmKind,
  ClearAlarmResponseSchema,
  CompactResponseSchema,
  ListAlarmsResponseSchema,
  type MaintenanceService,
  type RestoreSnapshotRequest,
  RestoreSnapshotResponseSchema,
  SetLogLevelResponseSchema,
} from "@titan-kv/proto";
import { invalidArgument } from "../http/api-error.ts";
import type { MaintenanceCalls } from "./maintenance-calls.ts";
import { abandonRestore, type RestoreContext, restoreSnapshot } from "./restore-snapshot.ts";
import type { SnapshotSaver } from "./save-snapshot.ts";
import { readSnapshot } from "./snapshot-reader.ts";
import { type VerifyContext, verifyCluster } from "./verify-cluster.ts";

/** What the handlers need of their node. */
export interface MaintenanceContext {
  /** Nodes of the cluster that are not removed. */
  nodes(): readonly number[];
  readonly calls: MaintenanceCalls;
  readonly saver: SnapshotSaver;
  readonly restore: RestoreContext;
  readonly verify: VerifyContext;
  /** Alarms of the nodes that answer, and those that do not. */
  alarms(): Promise<{ readonly alarms: Alarm[]; readonly silentNodes: number[] }>;
}

/** Largest rate that is taken, in bytes a second: beyond it numbers lose precision, and no disk is as fast. */
const maxRate = 2n ** 50n;

/** The bytes of a snapshot file from a caller's pieces. @throws ApiError for a piece that is damaged or out of place. */
async function* bytesOf(
  first: RestoreSnapshotRequest,
  rest: AsyncIterator<RestoreSnapshotRequest>,
): AsyncGenerator<Uint8Array, void> {
  let offset = 0n;
  for (let message: RestoreSnapshotRequest | undefined = first; message !== undefined;) {
    const { chunk } = message;
    if (chunk === undefined) throw invalidArgument("chunk", "is missing");
    if (chunk.offset !== offset) throw invalidArgument("chunk.offset", `is ${chunk.offset}, not ${offset}`);
    if (crc32(chunk.data) !== chunk.checksum)
      throw invalidArgument("chunk.checksum", "does not match the data");
    offset += BigInt(chunk.data.length);
    if (chunk.data.length > 0) yield chunk.data;
    // oxlint-disable-next-line no-await-in-loop -- pieces come in order
    const next = await rest.next();
    message = next.done === true ? undefined : next.value;
  }
}

type Handlers = ServiceImpl<typeof MaintenanceService>;

function snapshotHandlers({
  saver,
  restore,
}: MaintenanceContext): Pick<Handlers, "saveSnapshot" | "restoreSnapshot" | "abandonRestore"> {
  return {
    saveSnapshot({ maxBytesPerSecond }, { signal }) {
      if (maxBytesPerSecond > maxRate)
        throw invalidArgument("max_bytes_per_second", `must be at most ${maxRate}`);
      return saver.save(Number(maxBytesPerSecond), signal);
    },

    async restoreSnapshot(requests) {
      const messages = requests[Symbol.asyncIterator]();
      const first = await messages.next();
      if (first.done === true) throw invalidArgument("chunk", "is missing");
      const parts = readSnapshot(bytesOf(first.value, messages));
      const { keys, shards, revision } = await restoreSnapshot(restore, parts, first.value.restart);
      return create(RestoreSnapshotResponseSchema, {
        keys: BigInt(keys),
        shards,
        revision: BigInt(revision),
      });
    },

    async abandonRestore() {
      return create(AbandonRestoreResponseSchema, { keys: BigInt(await abandonRestore(restore)) });
    },
  };
}

/** Makes the handlers of one node. */
export function createMaintenanceHandlers(context: MaintenanceContext): Handlers {
  const { calls } = context;
  /** One node, or all. @throws ApiError INVALID_ARGUMENT for a node that there is not. */
  const chosen = (node: number): readonly number[] => {
    const nodes = context.nodes();
    if (node === 0) return nodes;
    if (!nodes.includes(node)) throw invalidArgument("node", `there is no node ${node}`);
    return [node];
  };
  return {
    ...snapshotHandlers(context),

    verify: ({ node }, { signal }) => verifyCluster(context.verify, chosen(node), signal),

    async compact({ node }) {
      const freed = await Promise.all(chosen(node).map((each) => calls.compact(each)));
      const freedBytes = BigInt(freed.reduce((sum, bytes) => sum + bytes, 0));
      return create(CompactResponseSchema, { freedBytes });
    },

    async listAlarms() {
      return create(ListAlarmsResponseSchema, await context.alarms());
    },

    async clearAlarm({ kind, node, shard }) {
      if (kind === AlarmKind.UNSPECIFIED) throw invalidArgument("kind", "is missing");
      if (node === 0) throw invalidArgument("node", "is missing");
      if (kind === AlarmKind.RESTORING) {
        throw invalidArgument("kind", "this alarm goes when the restore is finished or abandoned");
      }
      const [target] = chosen(node);
      return create(ClearAlarmResponseSchema, { cleared: await calls.clearAlarm(target!, kind, shard) });
    },

    async setLogLevel({ node, level }) {
      await Promise.all(chosen(node).map((each) => calls.setLogLevel(each, level)));
      return create(SetLogLevelResponseSchema, {});
    },
  };
}
