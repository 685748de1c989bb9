/**
 * Following changes. A watch is a stream from one node, which follows every shard that is asked for. When the stream breaks
 * or falls silent, the client goes on at another node from the last position that it has handed out, so the caller sees
 * every change once and in order, or an error.
 *
 * Nodes keep the newest changes in memory and for a while only. One that was restarted has none from before; another may
 * still have them. So a node that says OUT_OF_RANGE is passed over, and only when no node that answers has the changes does
 * the caller learn that they are gone.
 */
import { create } from "@bufbuild/protobuf";
import {
  type WatchEvent as WireEvent,
  WatchEvent_Kind as WireKind,
  type WatchRequest,
  WatchRequestSchema,
  type WatchResponse,
} from "@titan-kv/proto";
import { errorOf, failure, type Failure } from "../errors/failure.ts";
import { invalidArgument, TitanError } from "../errors/titan-error.ts";
import { failureOfCall } from "../errors/wire-failure.ts";
import { backoffMs, defaultBackoff } from "../retry/backoff.ts";
import { judge } from "../retry/retry-rule.ts";
import { decodeValue } from "./answer-decoder.ts";
import { callContext, checkInteger, nameOf } from "./argument-checks.ts";
import type { CallOptions } from "./call-options.ts";
import type { Codec } from "./codec.ts";
import type { Engine } from "./engine.ts";
import { StreamSilence } from "./stream-silence.ts";
import { StreamWait } from "./stream-wait.ts";

/** A point in the history of one shard. */
export interface ShardPosition {
  readonly shard: number;
  /** The revision of the last change already seen. */
  readonly revision: number;
}

/** What `watch` takes. Without `key` and `prefix` it follows everything. */
export interface WatchOptions extends CallOptions {
  /** Follow this key alone. Not together with `prefix`. */
  readonly key?: string | undefined;
  /** Follow every key that begins with this. */
  readonly prefix?: string | undefined;
  /**
   * Where to begin: a batch's `resumeToken`, or a position for each shard of interest, such as that of a write's result or
   * of an event. Shards that are not named begin at the present. Default: all of them do.
   */
  readonly from?: string | readonly ShardPosition[] | undefined;
  /** How often the node tells how far it is when nothing happens, in milliseconds, 100 to 60,000. Default 5000. */
  readonly progressIntervalMs?: number | undefined;
  /**
   * Milliseconds without any word from any node until the watch fails with DEADLINE_EXCEEDED; more than
   * `progressIntervalMs`. Default 30,000.
   */
  readonly timeoutMs?: number | undefined;
}

/** A change of a key. Revisions count the changes of a shard, so they order those of one key and of one shard. */
export type WatchEvent<Value> =
  | (ShardPosition & { readonly kind: "put"; readonly key: string; readonly value: Value })
  | (ShardPosition & {
      /** Removed by somebody, or its time was over. */
      readonly kind: "delete" | "expire";
      readonly key: string;
      readonly value: undefined;
    });

/** Some changes of one shard, in order; without any it is a mark of progress. */
export interface WatchBatch<Value> extends ShardPosition {
  readonly events: readonly WatchEvent<Value>[];
  /**
   * Where another watch with the same key or prefix goes on after this batch, in every shard and at any node. Good for as
   * long as the changes after it are kept.
   */
  readonly resumeToken: string;
}

const defaultProgressIntervalMs = 5000;
const minProgressIntervalMs = 100;
const maxProgressIntervalMs = 60_000;
const defaultTimeoutMs = 30_000;

/** What a watch needs of its client. */
export interface WatchContext<Out> {
  readonly engine: Engine;
  readonly codec: Codec<never, Out>;
}

/**
 * The changes of a key or a prefix. Iterate over it, once or more often: each time it begins where `from` says.
 *
 * Changes of one shard come in order; those of different shards in any. A node sends no further than the caller reads
 * (messages that are on their way, at most 4 MiB, wait in the connection), and a caller who falls behind what nodes keep is
 * told so. Stopping early ends the stream at the node.
 *
 * Iterating throws `TitanError`: OUT_OF_RANGE when changes after the position are no longer kept by any node (read the keys
 * with a scan and begin anew), DEADLINE_EXCEEDED, ABORTED, CLOSED, DECODE_FAILED, PERMISSION_DENIED.
 */
export class Watch<Value> implements AsyncIterable<WatchEvent<Value>> {
  readonly #context: WatchContext<Value>;
  readonly #options: WatchOptions;
  readonly #request: WatchRequest;
  readonly #progressIntervalMs: number;
  readonly #timeoutMs: number;

  /** @throws TitanError INVALID_ARGUMENT, TypeError. */
  constructor(context: WatchContext<Value>, options: WatchOptions) {
    callContext(options);
    this.#context = context;
    this.#options = options;
    this.#progressIntervalMs = checkInteger(
      "progressIntervalMs",
      options.progressIntervalMs ?? defaultProgressIntervalMs,
      minProgressIntervalMs,
      maxProgressIntervalMs,
    );
    this.#timeoutMs = options.timeoutMs ?? Math.max(defaultTimeoutMs, 2 * this.#progressIntervalMs);
    if (this.#timeoutMs <= this.#progressIntervalMs) {
      throw invalidArgument("timeoutMs", "must be more than progressIntervalMs");
    }
    this.#request = watchRequest(options, this.#progressIntervalMs);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent<Value>, void, undefined> {
    for await (const { events } of this.batches()) yield* events;
  }

  /**
   * The same with the position after each step, and with marks of progress. Once the first batch is there, the watch has
   * begun in every shard: no later change escapes it.
   */
  async *batches(): AsyncGenerator<WatchBatch<Value>, void, undefined> {
    const wait = new StreamWait("word of the watch", this.#options.signal, this.#timeoutMs);
    const attempts = new WatchAttempts();
    let request = this.#request;
    try {
      for (;;) {
        try {
          for await (const response of this.#stream(request, attempts, wait)) {
            attempts.succeeded();
            request = create(WatchRequestSchema, {
              ...request,
              from: [],
              resumeToken: response.resumeToken,
            });
            yield this.#batch(response);
          }
          // A node ends a watch only with an error; whoever is between it and us may do so without one.
          // oxlint-disable-next-line no-await-in-loop -- a break is waited out before the watch goes on
          await this.#recover(streamEnded, attempts, wait);
        } catch (thrown) {
          if (thrown instanceof TitanError) throw thrown;
          // oxlint-disable-next-line no-await-in-loop -- as above
          await this.#recover(failureOfCall(thrown), attempts, wait);
        }
      }
    } finally {
      // Also when the caller stops early: it ends the stream at the node.
      wait.stop();
    }
  }

  /** The responses of one stream, which may not fall silent. */
  async *#stream(
    request: WatchRequest,
    attempts: WatchAttempts,
    wait: StreamWait,
  ): AsyncGenerator<WatchResponse, void, undefined> {
    wait.begin();
    using silence = new StreamSilence(wait.signal, this.#progressIntervalMs);
    const node = this.#context.engine.watch(request, attempts.passedOver);
    attempts.begin(node.address);
    const iterator = node.open(silence.signal)[Symbol.asyncIterator]();
    for (;;) {
      wait.begin();
      silence.begin();
      // oxlint-disable-next-line no-await-in-loop -- a stream is read one message after the other
      const next = await iterator.next();
      silence.end();
      wait.end();
      if (next.done === true) return;
      yield next.value;
    }
  }

  /** Waits before the next attempt. @throws TitanError when there is none. */
  async #recover(reason: Failure, attempts: WatchAttempts, wait: StreamWait): Promise<void> {
    const ended = wait.endedBecause(reason);
    if (ended !== undefined) throw ended;
    attempts.failed(reason);
    const delayMs = attempts.delayMs(reason);
    this.#context.engine.events.emit("retry", {
      operation: "watch",
      code: reason.code,
      outcome: "NOT_APPLIED",
      attempt: attempts.failures,
      delayMs,
    });
    await wait.pause(delayMs);
    const endedInPause = wait.endedBecause(reason);
    if (endedInPause !== undefined) throw endedInPause;
  }

  #batch({ events, progress, resumeToken }: WatchResponse): WatchBatch<Value> {
    const shard = progress?.shard ?? 0;
    return {
      events: events.map((event) => this.#event(event, shard)),
      shard,
      revision: Number(progress?.revision ?? 0n),
      resumeToken,
    };
  }

  #event({ kind, key, payload, position }: WireEvent, shard: number): WatchEvent<Value> {
    const at = { shard, revision: Number(position?.revision ?? 0n) };
    if (kind === WireKind.PUT) {
      const bytes = payload.case === "text" ? utf8.encode(payload.value) : (payload.value ?? noBytes);
      return {
        kind: "put",
        key,
        value: decodeValue(this.#context.codec, key, bytes, "NOT_APPLIED"),
        ...at,
      };
    }
    return { kind: kind === WireKind.EXPIRE ? "expire" : "delete", key, value: undefined, ...at };
  }
}

const streamEnded: Failure = failure({
  code: "UNAVAILABLE",
  outcome: "NOT_APPLIED",
  message: "the stream ended without a reason",
});

const utf8 = new TextEncoder();
const noBytes = new Uint8Array(0);

/** Which nodes have failed since the watch last got on, and what to do about it. */
class WatchAttempts {
  /** Nodes that are asked again only when there is no other. */
  readonly passedOver = new Set<string>();
  failures = 0;
  #address = "";
  #gone: Failure | undefined;

  /** @throws TitanError OUT_OF_RANGE when everybody was asked, and nobody who answered has the changes. */
  begin(address: string): void {
    this.#address = address;
    if (!this.passedOver.has(address)) return;
    if (this.#gone !== undefined) throw errorOf(this.#gone, false);
    this.passedOver.clear();
  }

  succeeded(): void {
    this.failures = 0;
    this.#gone = undefined;
    this.passedOver.clear();
  }

  /** @throws TitanError for a failure that no other node would mend. */
  failed(reason: Failure): void {
    this.failures += 1;
    this.passedOver.add(this.#address);
    if (reason.code === "OUT_OF_RANGE") this.#gone = reason;
    else if (judge(reason, { isWrite: false, hasIdentity: false, maybeApplied: false }) === "fail") {
      throw errorOf(reason, false);
    }
  }

  /** How long to wait before the next attempt, in milliseconds. */
  delayMs(reason: Failure): number {
    // What one node no longer has another is asked for at once.
    if (reason.code === "OUT_OF_RANGE") return 0;
    return Math.max(reason.retryAfterMs, backoffMs(this.failures, defaultBackoff, Math.random));
  }
}

function watchRequest(options: WatchOptions, progressIntervalMs: number): WatchRequest {
  const { key, prefix, from } = options;
  if (key !== undefined && prefix !== undefined)
    throw invalidArgument("key", "give either a key or a prefix");
  for (const [name, value] of Object.entries({ key, prefix })) {
    const given: unknown = value;
    if (given !== undefined && typeof given !== "string") {
      throw new TypeError(`${name} is a string, not ${nameOf(given)}`);
    }
  }
  if (key === "") throw invalidArgument("key", "must not be empty");
  const target =
    key === undefined
      ? { case: "prefix" as const, value: prefix ?? "" }
      : { case: "key" as const, value: key };
  return create(WatchRequestSchema, { target, progressIntervalMs, ...beginning(from) });
}

function beginning(
  from: WatchOptions["from"],
): { resumeToken: string } | { from: { shard: number; revision: bigint }[] } {
  if (from === undefined) return { from: [] };
  if (typeof from === "string") {
    if (from === "") throw invalidArgument("from", "is empty; leave it out to begin at the present");
    return { resumeToken: from };
  }
  if (!Array.isArray(from)) throw new TypeError(`from is a token or an array, not ${nameOf(from)}`);
  return {
    from: from.map(({ shard, revision }) => ({
      shard: checkInteger("from.shard", shard, 0, 0xffff_ffff),
      revision: BigInt(checkInteger("from.revision", revision, 0, Number.MAX_SAFE_INTEGER)),
    })),
  };
}
