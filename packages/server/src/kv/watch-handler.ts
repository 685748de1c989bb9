/** `KvService.Watch`: changes of a key or a prefix, in order within each shard. */
import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  ShardRevisionSchema,
  type WatchEvent,
  WatchEventSchema,
  type WatchRequest,
  type WatchResponse,
  WatchResponseSchema,
} from "@titan-kv/proto";
import { type ApiError, invalidArgument } from "../http/api-error.ts";
import type { Change } from "../shard/change-history.ts";
import { type FollowedShard, type FollowFields, kindOf, takeChanges } from "./shard-follower.ts";
import { payloadOf, wantsText } from "./text-form.ts";

/** How often a mark of progress is sent when nothing happens, unless the caller says otherwise, in milliseconds. */
const defaultProgressMs = 5000;
const minProgressMs = 100;

/** What a watch needs of its node. */
export interface WatchContext {
  /** The shard that owns a key. @throws ApiError while the node does not know. */
  shardOf(key: Uint8Array): number;
  /** All shards that own slots. */
  shards(): readonly number[];
  /** Begins to follow a shard after a revision, or from the present one on. `onEnd` ends the watch. */
  follow(shard: number, after: number | undefined, fields: FollowFields): Promise<FollowedShard>;
}

type Positions = Map<number, number>;

/** A token lists shards and revisions, so that it is good at any node. */
function encodeToken(followed: readonly FollowedShard[]): string {
  return followed.map(({ shard, revision }) => `${shard}.${revision}`).join("-");
}

function decodeToken(token: string): Positions {
  const positions: Positions = new Map();
  for (const part of token.split("-")) {
    const match = /^(\d{1,10})\.(\d{1,16})$/.exec(part);
    if (match === null) throw invalidArgument("resume_token", "is not one that a watch returned");
    positions.set(Number(match[1]), Number(match[2]));
  }
  return positions;
}

function positionsOf(request: WatchRequest): Positions {
  if (request.resumeToken !== "") return decodeToken(request.resumeToken);
  return new Map(request.from.map(({ shard, revision }) => [shard, Number(revision)]));
}

/** Decides which changes are wanted. */
function filterOf(request: WatchRequest): (change: Change) => boolean {
  const { target } = request;
  if (target.case === "key") {
    const key = Buffer.from(target.value);
    return (change) => key.equals(change.key);
  }
  const prefix = Buffer.from(target.value ?? "");
  return (change) => prefix.equals(change.key.subarray(0, prefix.length));
}

/** A change in the form of the API. */
export function toEvent(change: Change, shard: number, asText: boolean): WatchEvent {
  return create(WatchEventSchema, {
    kind: kindOf(change),
    key: Buffer.from(change.key).toString("utf8"),
    position: create(ShardRevisionSchema, { shard, revision: BigInt(change.revision) }),
    ...(change.value === undefined ? {} : { payload: payloadOf(change.value, asText) }),
  });
}

/** Makes the watch handler of one node. */
export function createWatchHandler(
  context: WatchContext,
): (request: WatchRequest, call: HandlerContext) => AsyncGenerator<WatchResponse> {
  return async function* watch(request, call) {
    if (request.target.case === undefined) throw invalidArgument("target", "is neither a key nor a prefix");
    const asText = wantsText(call);
    const isWanted = filterOf(request);
    const positions = positionsOf(request);
    const progressMs = Math.max(minProgressMs, request.progressIntervalMs || defaultProgressMs);
    const ended = new AbortController();
    const signal = AbortSignal.any([call.signal, ended.signal]);
    let failure: ApiError | undefined;
    const onEnd = (error: ApiError): void => {
      failure ??= error;
      ended.abort();
    };
    const shards =
      request.target.case === "key" ? [context.shardOf(Buffer.from(request.target.value))] : context.shards();
    const followed = await Promise.all(
      shards.map((shard) => context.follow(shard, positions.get(shard), { signal, onEnd })),
    );
    try {
      // The first message says where the watch begins, so that a caller that lost it at once can go on from there.
      yield* marks(followed);
      let markAtMs = performance.now() + progressMs;
      while (!signal.aborted) {
        let isQuiet = true;
        for (const each of followed) {
          const changes = takeChanges(each);
          if (changes.length > 0) isQuiet = false;
          const events = changes.filter(isWanted).map((change) => toEvent(change, each.shard, asText));
          if (events.length > 0) yield response(each, events, followed);
        }
        const leftMs = markAtMs - performance.now();
        // Also while there are changes: none of them may be wanted, and then only a mark tells how far the watch has come.
        // oxlint-disable-next-line no-await-in-loop -- waiting for the next change is the purpose
        if (leftMs <= 0 || (isQuiet && (await waitForChange(followed, leftMs, signal)))) {
          yield* marks(followed);
          markAtMs = performance.now() + progressMs;
        }
      }
      if (failure !== undefined) throw failure;
    } finally {
      ended.abort();
    }
  };
}

function response(
  each: FollowedShard,
  events: WatchEvent[],
  followed: readonly FollowedShard[],
): WatchResponse {
  return create(WatchResponseSchema, {
    events,
    progress: create(ShardRevisionSchema, { shard: each.shard, revision: BigInt(each.revision) }),
    resumeToken: encodeToken(followed),
  });
}

function* marks(followed: readonly FollowedShard[]): Generator<WatchResponse> {
  for (const each of followed) yield response(each, [], followed);
}

/** Waits for a change of any shard; true when the time for a mark of progress has come instead. */
async function waitForChange(
  followed: readonly FollowedShard[],
  leftMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(true), leftMs)));
  const changes = followed.map(({ history }) => history.changed(either).then(() => false));
  // A change that came between the last look and this wait must not be slept over.
  const missed = followed.some(({ history, revision }) => history.revision !== revision);
  const isMark = missed ? false : await Promise.race([timeout, ...changes]);
  clearTimeout(timer);
  stop.abort();
  return isMark;
}
