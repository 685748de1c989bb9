/** The changes of one shard, from the replica here or from another node. */
import { WatchEvent_Kind as EventKind, type WatchEvent } from "@titan-kv/proto";
import type { WatchShardResponse } from "@titan-kv/proto/peer";
import { ApiError } from "../http/api-error.ts";
import { type Change, ChangeHistory } from "../shard/change-history.ts";

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
  fields: {
    readonly open: OpenRemote;
    readonly signal: AbortSignal;
    readonly onEnd: (error: unknown) => void;
  },
): Promise<FollowedShard> {
  const responses = fields.open(shard, after, fields.signal)[Symbol.asyncIterator]();
  const first = await responses.next();
  if (first.done === true) throw new Error(`the stream of shard ${shard} ended before it began`);
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
  feed().then(() => fields.onEnd(new Error(`the stream of shard ${shard} ended`)), fields.onEnd);
  return { shard, history, revision };
}
