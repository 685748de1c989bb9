/** The changes of one shard, from the replica here or from another node. */
import { ConnectError } from "@connectrpc/connect";
import { setTimeout as pause } from "node:timers/promises";
import { ReadLevel, WatchEvent_Kind as EventKind, type WatchEvent } from "@titan-kv/proto";
import type { WatchShardResponse } from "@titan-kv/proto/peer";
import { ApiError } from "../http/api-error.ts";
import { fromConnectError } from "../http/error-mapping.ts";
import { type Change, ChangeHistory } from "../shard/change-history.ts";
import type { ShardReplica } from "./shard-replica.ts";
import { awaitLevel } from "./shard-scan.ts";

/** Changes handed on at a time. */
export const changesPerPage = 256;

/** A shard that is being followed: where it is read from, and how far it has been read. */
export interface FollowedShard {
  readonly shard: number;
  readonly history: ChangeHistory;
  /** The last revision that was handed on. */
  revision: number;
}

/** The next changes of a shard. @throws ApiError OUT_OF_RANGE when they are no longer kept. */
export function takeChanges(followed: FollowedShard): readonly Change[] {
  const changes = followed.history.since(followed.revision, changesPerPage);
  if (changes === undefined) {
    throw new ApiError({
      reason: "OUT_OF_RANGE",
      outcome: "NOT_APPLIED",
      message:
        `the changes of shard ${followed.shard} after revision ${followed.revision} are no longer kept on this node: ` +
        "read the keys again with a scan and watch from there",
      subject: "from",
    });
  }
  followed.revision = changes.at(-1)?.revision ?? followed.revision;
  return changes;
}

const kinds = { put: EventKind.PUT, delete: EventKind.DELETE, expire: EventKind.EXPIRE } as const;

/** The number of a kind on the wire. */
export function kindOf(change: Change): EventKind {
  return kinds[change.kind];
}

function changeOf(event: WatchEvent): Change {
  const kind = event.kind === EventKind.PUT ? "put" : event.kind === EventKind.DELETE ? "delete" : "expire";
  return {
    kind,
    key: Buffer.from(event.key),
    value: event.payload.case === "value" ? event.payload.value : undefined,
    revision: Number(event.position?.revision ?? 0n),
  };
}

/** How one who follows is told of the end, and tells that it is over. */
export interface FollowFields {
  /** Whoever follows has gone. */
  readonly signal: AbortSignal;
  /** The shard cannot be followed here any more; called at most once. */
  readonly onEnd: (error: ApiError) => void;
}

/** How often a replica that is followed must show that it is up with its shard, in milliseconds. */
const confirmIntervalMs = 5000;

function unavailable(message: string): ApiError {
  return new ApiError({ reason: "UNAVAILABLE", outcome: "NOT_APPLIED", message });
}

/**
 * Follows the replica on this node. A replica that was cut off from the others, or moved away, would say that nothing
 * happens, for ever: so it has to confirm itself as for a read, again and again, and `onEnd` is told when it cannot.
 */
export async function followHere(
  replica: ShardReplica,
  after: number | undefined,
  fields: FollowFields & { readonly isHere: () => boolean },
): Promise<FollowedShard> {
  const { signal, onEnd, isHere } = fields;
  // What was acknowledged before the call must not come as a change, nor be left out after it.
  await awaitLevel(replica, ReadLevel.LINEARIZABLE);
  replica.checkServing();
  const keepConfirming = async (): Promise<void> => {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- once in an interval is the purpose
      await pause(confirmIntervalMs, undefined, { signal, ref: false });
      if (!isHere()) throw unavailable(`shard ${replica.shard} has left this node; use another one`);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await awaitLevel(replica, ReadLevel.LINEARIZABLE);
      replica.checkServing();
    }
  };
  keepConfirming().catch((error: unknown) => {
    if (!signal.aborted) onEnd(endOf(error));
  });
  const { history } = replica.machine;
  return { shard: replica.shard, history, revision: after ?? history.revision };
}

/** Why a shard cannot be followed any more, as an error after which the caller goes to another node. */
function endOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof ConnectError) return fromConnectError(error);
  return unavailable(error instanceof Error ? error.message : String(error));
}

/** Opens a stream of another node's changes, after a revision or from now on. */
export type OpenRemote = (
  shard: number,
  after: number | undefined,
  signal: AbortSignal,
) => AsyncIterable<WatchShardResponse>;

/**
 * Follows a shard on another node. Resolves when the beginning is known; `onEnd` is told when the stream ends, since the
 * follower cannot go on then.
 */
export async function followRemote(
  shard: number,
  after: number | undefined,
  fields: FollowFields & { readonly open: OpenRemote },
): Promise<FollowedShard> {
  const responses = fields.open(shard, after, fields.signal)[Symbol.asyncIterator]();
  const first = await responses.next().catch((error: unknown) => {
    throw endOf(error);
  });
  if (first.done === true) throw unavailable(`the stream of shard ${shard} ended before it began`);
  const revision = Number(first.value.revision);
  const history = new ChangeHistory(revision);
  const feed = async (): Promise<void> => {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- a stream is read one message after the other
      const next = await responses.next();
      if (next.done === true) return;
      history.publish(next.value.events.map(changeOf));
    }
  };
  feed().then(
    () => fields.onEnd(unavailable(`the stream of shard ${shard} ended`)),
    (error: unknown) => fields.onEnd(endOf(error)),
  );
  return { shard, history, revision };
}
