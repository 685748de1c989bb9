/**
 * Reading ranges. A scan is a stream from one node, which merges the shards; when the stream breaks, the client goes on at
 * another node after the last page that it has.
 */
import { create } from "@bufbuild/protobuf";
import { type KeyValue, type ScanRequest, ScanRequestSchema, type ScanResponse } from "@titan-kv/proto";
import { errorOf } from "../errors/failure.ts";
import { TitanError } from "../errors/titan-error.ts";
import { failureOfCall } from "../errors/wire-failure.ts";
import { backoffMs, defaultBackoff } from "../retry/backoff.ts";
import { judge } from "../retry/retry-rule.ts";
import { decodeValue } from "./answer-decoder.ts";
import { callContext, checkInteger } from "./argument-checks.ts";
import type { ReadCallOptions } from "./call-options.ts";
import type { Codec } from "./codec.ts";
import type { Engine } from "./engine.ts";
import { freshnessOf } from "./operation-builder.ts";
import type { Origin } from "./origin.ts";
import { unknownOrigin } from "./origin.ts";
import type { ReadConsistency } from "./read-consistency.ts";
import type { Entry } from "./results.ts";
import { StreamWait } from "./stream-wait.ts";

/** What `scan` takes. Without bounds it reads everything. */
export interface ScanOptions extends Omit<ReadCallOptions, "timeoutMs"> {
  /** Only keys that begin with this. May be combined with the bounds. */
  readonly prefix?: string | undefined;
  /** First key, included. */
  readonly start?: string | undefined;
  /** Last key, excluded. */
  readonly end?: string | undefined;
  /** At most this many entries in all, at least 1. Default: no limit. */
  readonly limit?: number | undefined;
  /** From the last key to the first. Default false. */
  readonly reverse?: boolean | undefined;
  /** Leave the values out: they are `undefined`. Default false. */
  readonly keysOnly?: boolean | undefined;
  /** Entries of a page at most, 1 to 1000. Default 1000. */
  readonly pageSize?: number | undefined;
  /** Go on after the page of an earlier scan with the same bounds: its `nextPageToken`. */
  readonly pageToken?: string | undefined;
  /** Milliseconds to wait for a page, retries included. Default: the client's, which is 5000. */
  readonly timeoutMs?: number | undefined;
}

/** Some entries of a scan, in order of the UTF-8 bytes of their keys. */
export interface ScanPage<Value> {
  readonly entries: readonly Entry<Value>[];
  /** Where a later scan can go on; `undefined` at the end. */
  readonly nextPageToken: string | undefined;
}

/** Largest page that a node sends. */
const maxPageSize = 1000;

/** What a scan needs of its client. */
export interface ScanContext<Out> {
  readonly engine: Engine;
  readonly codec: Codec<never, Out>;
  readonly consistency: ReadConsistency;
}

/**
 * The entries of a range, in order of the UTF-8 bytes of the keys. Iterate over it, once or more often: each time it reads
 * anew. Each page is consistent within a shard, not across shards. Stopping early ends the stream at the node.
 *
 * Iterating throws `TitanError` as `get` does, and DEADLINE_EXCEEDED when a page does not come in time.
 */
export class Scan<Value> implements AsyncIterable<Entry<Value>> {
  readonly #context: ScanContext<Value>;
  readonly #options: ScanOptions;
  readonly #request: ScanRequest;

  /** @throws TitanError INVALID_ARGUMENT, TypeError. */
  constructor(context: ScanContext<Value>, options: ScanOptions) {
    callContext(options);
    this.#context = context;
    this.#options = options;
    this.#request = scanRequest(options, options.consistency ?? context.consistency);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Entry<Value>, void, undefined> {
    for await (const page of this.pages()) yield* page.entries;
  }

  /** The same page by page, as the node sends them. */
  async *pages(): AsyncGenerator<ScanPage<Value>, void, undefined> {
    const position = new ScanPosition(this.#request);
    const wait = new StreamWait(
      "page of the scan",
      this.#options.signal,
      this.#options.timeoutMs ?? this.#context.engine.defaultTimeoutMs,
    );
    let failures = 0;
    try {
      while (!position.isAtEnd) {
        try {
          for await (const response of this.#stream(position.request(), wait)) {
            failures = 0;
            position.advance(response);
            yield this.#page(response);
            if (position.isAtEnd) return;
          }
        } catch (thrown) {
          if (thrown instanceof TitanError) throw thrown;
          failures += 1;
          // oxlint-disable-next-line no-await-in-loop -- a break is waited out before the scan goes on
          await this.#recover(thrown, failures, wait);
        }
      }
    } finally {
      // Also when the caller stops early: it ends the stream at the node.
      wait.stop();
    }
  }

  /** The responses of one stream; each is waited for as long as the caller allows. */
  async *#stream(request: ScanRequest, wait: StreamWait): AsyncGenerator<ScanResponse, void, undefined> {
    const responses = this.#context.engine.scan(request, { signal: wait.signal })[Symbol.asyncIterator]();
    for (;;) {
      wait.begin();
      // oxlint-disable-next-line no-await-in-loop -- a stream is read one message after the other
      const next = await responses.next();
      wait.end();
      if (next.done === true) return;
      yield next.value;
    }
  }

  /** Waits before the next attempt. @throws TitanError when there is none. */
  async #recover(thrown: unknown, failures: number, wait: StreamWait): Promise<void> {
    const failure = failureOfCall(thrown);
    const ended = wait.endedBecause(failure);
    if (ended !== undefined) throw ended;
    const verdict = judge(failure, { isWrite: false, hasIdentity: false, maybeApplied: false });
    if (verdict === "fail") throw errorOf(failure, false);
    const delayMs = Math.max(failure.retryAfterMs, backoffMs(failures, defaultBackoff, Math.random));
    this.#context.engine.events.emit("retry", {
      operation: "scan",
      code: failure.code,
      outcome: "NOT_APPLIED",
      attempt: failures,
      delayMs,
    });
    await wait.pause(delayMs);
    const endedInPause = wait.endedBecause(failure);
    if (endedInPause !== undefined) throw endedInPause;
  }

  #page(response: ScanResponse): ScanPage<Value> {
    const origins = new Map<number, Origin>();
    for (const { shard, epoch, term, revision, node } of response.origins) {
      origins.set(shard, {
        shard,
        epoch: Number(epoch),
        term: Number(term),
        revision: Number(revision),
        node,
      });
    }
    return {
      entries: response.entries.map((entry) => this.#entry(entry, origins.get(entry.shard) ?? unknownOrigin)),
      nextPageToken: response.nextPageToken === "" ? undefined : response.nextPageToken,
    };
  }

  #entry(entry: KeyValue, origin: Origin): Entry<Value> {
    const { key, payload, keyRevision, expiresAtMs } = entry;
    return {
      key,
      // With `keysOnly` the type of the scan says that there is no value.
      value: this.#request.keysOnly
        ? (undefined as Value)
        : decodeValue(this.#context.codec, key, payloadBytes(payload), "NOT_APPLIED"),
      revision: Number(keyRevision),
      expiresAtMs: expiresAtMs === 0n ? undefined : Number(expiresAtMs),
      origin,
    };
  }
}

const utf8 = new TextEncoder();
const noBytes = new Uint8Array(0);

function payloadBytes(payload: KeyValue["payload"]): Uint8Array {
  if (payload.case === undefined) return noBytes;
  return payload.case === "text" ? utf8.encode(payload.value) : payload.value;
}

function scanRequest(options: ScanOptions, consistency: ReadConsistency): ScanRequest {
  const { limit, pageSize } = options;
  const { level, minRevision, maxStalenessMs } = freshnessOf(consistency);
  for (const name of ["prefix", "start", "end", "pageToken"] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== "string") throw new TypeError(`${name} is a string`);
  }
  return create(ScanRequestSchema, {
    prefix: options.prefix ?? "",
    start: options.start ?? "",
    end: options.end ?? "",
    limit: BigInt(limit === undefined ? 0 : checkInteger("limit", limit, 1, Number.MAX_SAFE_INTEGER)),
    reverse: options.reverse === true,
    keysOnly: options.keysOnly === true,
    read: { level, minRevision: BigInt(minRevision), maxStalenessMs },
    pageSize: pageSize === undefined ? 0 : checkInteger("pageSize", pageSize, 1, maxPageSize),
    pageToken: options.pageToken ?? "",
  });
}

/** How far a scan has come. */
class ScanPosition {
  readonly #request: ScanRequest;
  #token: string;
  #remaining: bigint;
  #isAtEnd = false;

  constructor(request: ScanRequest) {
    this.#request = request;
    this.#token = request.pageToken;
    this.#remaining = request.limit;
  }

  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** What is still to be read. */
  request(): ScanRequest {
    return create(ScanRequestSchema, { ...this.#request, pageToken: this.#token, limit: this.#remaining });
  }

  advance(response: ScanResponse): void {
    this.#token = response.nextPageToken;
    if (this.#token === "") this.#isAtEnd = true;
    if (this.#request.limit === 0n) return;
    this.#remaining -= BigInt(response.entries.length);
    if (this.#remaining <= 0n) this.#isAtEnd = true;
  }
}
