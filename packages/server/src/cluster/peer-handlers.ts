/** `PeerService`: what nodes ask of each other besides Raft and forwarded operations. */
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Alarm, KeyValueSchema, type NodeStatus, ReadLevel, type Shard } from "@titan-kv/proto";
import {
  CompareDigestsResponseSchema,
  CompareKeysResponseSchema,
  FetchRecordResponseSchema,
  GetNodeStatusResponseSchema,
  KeyFingerprintSchema,
  MetaCallResponseSchema,
  type PeerService,
  ScanShardResponseSchema,
  TransferShardResponseSchema,
  WatchShardResponseSchema,
} from "@titan-kv/proto/peer";
import { ApiError, asApiError, invalidArgument } from "../http/api-error.ts";
import { errorInfoOf } from "../http/error-mapping.ts";
import { awaitLevel, scanReplica, type ShardPage } from "../kv/shard-scan.ts";
import { takeChanges } from "../kv/shard-follower.ts";
import { toOrigin } from "../kv/submit-one.ts";
import type { NodeMaintenance } from "../maintenance/node-maintenance.ts";
import { createPeerMaintenanceHandlers } from "../maintenance/peer-maintenance-handlers.ts";
import {
  decodeMetaCommand,
  type MetaCommand,
  MetaCommandError,
  type MetaResult,
} from "../meta/meta-command.ts";
import type { HostedShard } from "../node/hosted-replica.ts";
import type { PointReport } from "../repair/consistency-check.ts";
import { toEvent, type WatchContext } from "../kv/watch-handler.ts";
import { fingerprintKeys } from "../repair/key-fingerprint.ts";
import { awaitApplied } from "../repair/await-applied.ts";

/** What the handlers need of their node. */
export interface PeerContext {
  hosted(shard: number): HostedShard | undefined;
  /** Begins to follow a shard; see WatchContext. */
  readonly follow: WatchContext["follow"];
  /** One try of a command that was passed on `hops` times. */
  proposeMeta(command: MetaCommand, hops: number): Promise<MetaResult>;
  report(): { readonly status: NodeStatus; readonly alarms: Alarm[]; readonly shards: Shard[] };
  transferHere(shard: number, toNode: number): Promise<number>;
  /** A record turned out to be damaged here: heal it when there is time. */
  healLater(shard: number, key: Uint8Array): void;
  /** What the replica here found at a point of comparison, if it is there. */
  reportAt(shard: number, index: number): PointReport | undefined;
  readonly maintenance: NodeMaintenance;
}

function replicaOf(context: PeerContext, shard: number): HostedShard {
  const hosted = context.hosted(shard);
  if (hosted !== undefined) return hosted;
  throw new ApiError({
    reason: "WRONG_SHARD",
    outcome: "NOT_APPLIED",
    message: `this node has no replica of shard ${shard}`,
  });
}

/** A page in the form of the API, keys as text. */
export function toScanShardResponse(
  page: ShardPage,
): ReturnType<typeof create<typeof ScanShardResponseSchema>> {
  return create(ScanShardResponseSchema, {
    entries: page.entries.map(({ key, value, version, expiresAtMs }) =>
      create(KeyValueSchema, {
        key: Buffer.from(key).toString("utf8"),
        payload: { case: "value", value },
        keyRevision: BigInt(version),
        expiresAtMs: BigInt(expiresAtMs),
        shard: page.origin.shard,
      }),
    ),
    more: page.more,
    origin: toOrigin(page.origin),
  });
}

type Handlers = ServiceImpl<typeof PeerService>;

/** What replicas tell each other about their contents. */
function repairHandlers(
  context: PeerContext,
): Pick<Handlers, "compareKeys" | "fetchRecord" | "compareDigests"> {
  return {
    async compareKeys(request) {
      const { machine } = replicaOf(context, request.shard).local.replica;
      await awaitApplied(machine, Number(request.atIndex));
      const fingerprints = fingerprintKeys(
        machine,
        request.keys.map((key) => Buffer.from(key)),
        machine.logTimeMs,
      );
      fingerprints.forEach(({ damaged }, index) => {
        if (damaged) context.healLater(request.shard, Buffer.from(request.keys[index]!));
      });
      return create(CompareKeysResponseSchema, {
        appliedIndex: BigInt(machine.appliedIndex),
        fingerprints: fingerprints.map(({ revision, checksum, damaged }) =>
          create(KeyFingerprintSchema, { keyRevision: BigInt(revision), checksum, damaged }),
        ),
      });
    },

    async fetchRecord(request) {
      const { local } = replicaOf(context, request.shard);
      await awaitLevel(local.replica, ReadLevel.LINEARIZABLE);
      const { machine } = local.replica;
      // The record itself, whether its time is over or not: it is to be the same on both replicas.
      const entry = machine.getEntry(Buffer.from(request.key));
      const appliedIndex = BigInt(machine.appliedIndex);
      if (entry === undefined) return create(FetchRecordResponseSchema, { found: false, appliedIndex });
      const { value, version, expiresAtMs } = entry;
      return create(FetchRecordResponseSchema, {
        found: true,
        value,
        keyRevision: BigInt(version),
        expiresAtMs: BigInt(expiresAtMs),
        appliedIndex,
      });
    },

    compareDigests(request) {
      const report = context.reportAt(request.shard, Number(request.atIndex));
      return create(CompareDigestsResponseSchema, {
        available: report !== undefined,
        chainHash: report?.chainHash ?? 0,
        digests: Object.fromEntries(report?.digests ?? []),
      });
    },
  };
}

/** Makes the handlers of one node. */
export function createPeerHandlers(context: PeerContext): Handlers {
  return {
    ...repairHandlers(context),
    ...createPeerMaintenanceHandlers(context.maintenance),

    async scanShard(request) {
      const { local, store } = replicaOf(context, request.shard);
      await awaitLevel(local.replica, request.read?.level ?? ReadLevel.LINEARIZABLE);
      const { start, end, reverse, limit, keysOnly } = request;
      return toScanShardResponse(scanReplica(local.replica, store, { start, end, reverse, limit, keysOnly }));
    },

    async *watchShard(request, call) {
      replicaOf(context, request.shard);
      const after = request.afterRevision === undefined ? undefined : Number(request.afterRevision);
      const ended = new AbortController();
      const signal = AbortSignal.any([call.signal, ended.signal]);
      let failure: ApiError | undefined;
      const onEnd = (error: ApiError): void => {
        failure ??= error;
        ended.abort();
      };
      const followed = await context.follow(request.shard, after, { signal, onEnd });
      yield create(WatchShardResponseSchema, { revision: BigInt(followed.revision) });
      while (!signal.aborted) {
        const events = takeChanges(followed).map((change) => toEvent(change, request.shard, false));
        if (events.length > 0)
          yield create(WatchShardResponseSchema, { events, revision: BigInt(followed.revision) });
        // oxlint-disable-next-line no-await-in-loop -- waiting for the next change is the purpose
        else await followed.history.changed(signal);
      }
      if (failure !== undefined) throw failure;
    },

    async metaCall(request) {
      try {
        const result = await context.proposeMeta(decodeMetaCommand(request.command), request.hops);
        return create(MetaCallResponseSchema, { result: Buffer.from(JSON.stringify(result)) });
      } catch (error) {
        const refusal = error instanceof MetaCommandError ? invalidArgument("command", error.message) : error;
        return create(MetaCallResponseSchema, { error: errorInfoOf(asApiError(refusal)) });
      }
    },

    getNodeStatus() {
      const { status, alarms, shards } = context.report();
      return create(GetNodeStatusResponseSchema, { status, alarms, shards });
    },

    async transferShard(request) {
      const leader = await context.transferHere(request.shard, request.toNode);
      return create(TransferShardResponseSchema, { leader });
    },
  };
}
