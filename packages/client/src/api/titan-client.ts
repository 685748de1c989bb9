import { TitanError } from "../errors/titan-error.ts";
import { entryOf, writeResult } from "./answer-decoder.ts";
import { callContext } from "./argument-checks.ts";
import { type BatchOperation, batchOperations, checkCount } from "./batch-operation.ts";
import type { CallOptions, DeleteOptions, PutOptions, ReadCallOptions } from "./call-options.ts";
import type { Codec } from "./codec.ts";
import type { Engine } from "./engine.ts";
import type { ClientEventMap, ClientEventName } from "./events.ts";
import type { ClientLimits } from "./limits.ts";
import { deleteOperation, freshnessOf, getOperation, putOperation } from "./operation-builder.ts";
import type { Answer, EngineOperation } from "./operation.ts";
import type { ReadConsistency } from "./read-consistency.ts";
import type { BatchResult, Entry, WriteResult } from "./results.ts";
import { Scan, type ScanOptions } from "./scan.ts";
import { TxnBuilder } from "./txn-builder.ts";
import { Watch, type WatchOptions } from "./watch.ts";

/** What a client is made of. */
export interface TitanClientFields<In, Out> {
  readonly engine: Engine;
  readonly codec: Codec<In, Out>;
  readonly limits: ClientLimits;
  readonly consistency: ReadConsistency;
}

/**
 * A client of a Titan-KV cluster. Made by `connect`.
 *
 * Writes are acknowledged when they are durable on a majority of the shard's replicas and applied, and happen at most once
 * although the client repeats them. Reads are linearizable unless a weaker level is asked for. Every method rejects with
 * `TitanError`, whose `outcome` says whether a write may have taken effect, or with `TypeError` for an argument of a wrong
 * type; arguments are checked before anything is sent. Any call may reject with ABORTED, CLOSED, DEADLINE_EXCEEDED,
 * OVERLOADED, PERMISSION_DENIED, UNAVAILABLE and INTERNAL; other codes are named at the methods.
 *
 * `In` is what values are given as, `Out` what they are returned as: see `Codec`.
 */
export class TitanClient<In, Out> implements AsyncDisposable {
  readonly #fields: TitanClientFields<In, Out>;
  readonly #engine: Engine;
  readonly #codec: Codec<In, Out>;

  constructor(fields: TitanClientFields<In, Out>) {
    this.#fields = fields;
    this.#engine = fields.engine;
    this.#codec = fields.codec;
  }

  /**
   * The value of a key, `undefined` when it does not exist or has expired.
   * @throws TitanError CORRUPT, DECODE_FAILED, INVALID_ARGUMENT, STALE. Always NOT_APPLIED.
   */
  async get(key: string, options?: ReadCallOptions): Promise<Out | undefined> {
    return (await this.getEntry(key, options))?.value;
  }

  /** As `get`, with the key's revision, its expiry, and where the answer comes from. */
  async getEntry(key: string, options?: ReadCallOptions): Promise<Entry<Out> | undefined> {
    const operation = getOperation(key, freshnessOf(this.#consistency(options)), this.#fields.limits);
    return entryOf(this.#codec, key, await this.#engine.read(operation, callContext(options)));
  }

  /** Whether a key exists. Costs what `get` costs. */
  async has(key: string, options?: ReadCallOptions): Promise<boolean> {
    const operation = getOperation(key, freshnessOf(this.#consistency(options)), this.#fields.limits);
    return (await this.#engine.read(operation, callContext(options))).value !== undefined;
  }

  /**
   * The values of keys in any shards, in the order of the keys; `undefined` for those that do not exist. Each value is as
   * fresh as the level says; together they are no snapshot.
   * @throws TitanError the first failure, when one of the reads fails.
   */
  async getMany(keys: readonly string[], options?: ReadCallOptions): Promise<(Out | undefined)[]> {
    const { limits } = this.#fields;
    checkCount("keys", keys, limits);
    const freshness = freshnessOf(this.#consistency(options));
    const operations = keys.map((key) => getOperation(key, freshness, limits));
    const answers = await this.#engine.batch(operations, callContext(options));
    return answers.map((answer, index) => {
      if (answer instanceof TitanError) throw answer;
      return answer.kind === "read" ? entryOf(this.#codec, keys[index]!, answer)?.value : undefined;
    });
  }

  /**
   * Writes a key. Bytes given as the value must stay unchanged until the promise settles: they are not copied.
   *
   * With a condition, `applied` in the result says whether it held, and `revision` is the one found when it did not.
   * @throws TitanError INVALID_ARGUMENT, LEADER_CHANGED, NO_SPACE, SESSION_EXPIRED.
   */
  async put(key: string, value: In, options?: PutOptions & CallOptions): Promise<WriteResult<Out>> {
    const operation = putOperation(key, this.#codec.encode(value), options, this.#fields.limits);
    return writeResult(this.#codec, key, await this.#engine.write(operation, callContext(options)));
  }

  /**
   * Removes a key. Removing an absent key is `applied`, with `existed` false.
   * @throws TitanError INVALID_ARGUMENT, LEADER_CHANGED, SESSION_EXPIRED.
   */
  async delete(key: string, options?: DeleteOptions & CallOptions): Promise<WriteResult<Out>> {
    const operation = deleteOperation(key, options, this.#fields.limits);
    return writeResult(this.#codec, key, await this.#engine.write(operation, callContext(options)));
  }

  /**
   * Runs independent operations in any shards, each with a result of its own, in the order given. They may take effect in
   * any order and some may fail while others succeed: for all or nothing use `txn`. The time of the call is that of all.
   * @throws TitanError INVALID_ARGUMENT for any of them, before anything is sent; later failures are in the results.
   */
  async batch(operations: readonly BatchOperation<In>[], options?: CallOptions): Promise<BatchResult<Out>[]> {
    const checked = batchOperations(operations, this.#fields);
    const answers = await this.#engine.batch(checked, callContext(options));
    return answers.map((answer, index) => this.#batchResult(checked[index]!, answer));
  }

  /** Begins a transaction within one shard. */
  txn(): TxnBuilder<In, Out> {
    return new TxnBuilder(this.#fields);
  }

  /**
   * The entries of a range, to be iterated over with `for await`.
   * @throws TitanError INVALID_ARGUMENT, TypeError, at once.
   */
  scan(options: ScanOptions & { readonly keysOnly: true }): Scan<undefined>;
  scan(options?: ScanOptions): Scan<Out>;
  scan(options: ScanOptions = {}): Scan<Out | undefined> {
    return new Scan<Out | undefined>(this.#fields, options);
  }

  /**
   * The changes of a key or a prefix from now on, or from an earlier position, to be iterated over with `for await`.
   * @throws TitanError INVALID_ARGUMENT, TypeError, at once.
   */
  watch(options: WatchOptions = {}): Watch<Out> {
    return new Watch<Out>(this.#fields, options);
  }

  /** The same client with values of another kind. It shares everything with this one; closing either closes both. */
  withCodec<OtherIn, OtherOut>(codec: Codec<OtherIn, OtherOut>): TitanClient<OtherIn, OtherOut> {
    const { engine, limits, consistency } = this.#fields;
    return new TitanClient({ engine, codec, limits, consistency });
  }

  /** Calls `listener` at each event until the returned function is called. */
  on<Name extends ClientEventName>(name: Name, listener: (event: ClientEventMap[Name]) => void): () => void {
    return this.#engine.events.on(name, listener);
  }

  /**
   * Takes no more calls, waits for those under way, then closes every connection. Calls that take too long end with
   * CLOSED and an `outcome`. Never rejects; a second call waits for the first.
   */
  close(): Promise<void> {
    return this.#engine.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #consistency(options: ReadCallOptions | undefined): ReadConsistency {
    return options?.consistency ?? this.#fields.consistency;
  }

  #batchResult({ key }: EngineOperation, answer: Answer | TitanError): BatchResult<Out> {
    try {
      if (answer instanceof TitanError) return { kind: "error", error: answer };
      if (answer.kind === "write") return writeResult(this.#codec, key, answer);
      if (answer.kind === "read") {
        return { kind: "read", entry: entryOf(this.#codec, key, answer), origin: answer.origin };
      }
    } catch (thrown) {
      if (thrown instanceof TitanError) return { kind: "error", error: thrown };
      throw thrown;
    }
    throw new Error("a batch has no transactions");
  }
}
