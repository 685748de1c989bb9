/**
 * The engine without a pipeline: one call over HTTP for each operation or batch, to one address, as browsers can make them.
 * The same identities and the same retry rule; no routing, which the node at the address does.
 */
import { create } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  BatchRequestSchema,
  ClusterService,
  KvService,
  type ScanRequest,
  type ScanResponse,
  TxnResultSchema,
  type WatchRequest,
} from "@titan-kv/proto";
import { toBinary } from "@bufbuild/protobuf";
import type { Engine, OpenScan, WatchAtNode } from "../api/engine.ts";
import { ClientEvents } from "../api/events.ts";
import type {
  Answer,
  CallContext,
  EngineOperation,
  ReadAnswer,
  ReadOperation,
  TxnAnswer,
  TxnOperation,
  WriteAnswer,
  WriteOperation,
} from "../api/operation.ts";
import { errorOf, failure, type Failure } from "../errors/failure.ts";
import { TitanError } from "../errors/titan-error.ts";
import { type BackoffOptions, defaultBackoff } from "../retry/backoff.ts";
import { CallRepeater } from "../retry/call-repeater.ts";
import { defaultRetryBudget, RetryBudget } from "../retry/retry-budget.ts";
import { judge, mayHaveApplied } from "../retry/retry-rule.ts";
import { SessionPool } from "../session/session-pool.ts";
import { HeldIdentity } from "./held-identity.ts";
import {
  answerOf,
  decodeTxn,
  originOf,
  readAnswer,
  readFields,
  wireOperation,
  writeAnswer,
  writeFields,
} from "./wire-operation.ts";

/** Operations of one batch call; the nodes take no more. */
const maxCallOperations = 1024;
/** There is one address, whichever nodes are behind it. */
const onlyAddress = "";
/** Bytes of one batch call, below the 4 MiB that the nodes take. */
const maxCallBytes = 2 * 1024 * 1024;

/** How an engine is set up. */
export interface UnaryEngineOptions {
  readonly transport: Transport;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxAttempts: number;
  readonly backoff?: Partial<BackoffOptions> | undefined;
}

export class UnaryEngine implements Engine {
  readonly defaultTimeoutMs: number;
  readonly events: ClientEvents = new ClientEvents();
  readonly #kv: Client<typeof KvService>;
  readonly #repeater: CallRepeater;
  readonly #closed = new AbortController();
  readonly #sessions: SessionPool;

  private constructor(options: UnaryEngineOptions, clockOffsetMs: number) {
    this.defaultTimeoutMs = options.timeoutMs;
    this.#kv = createClient(KvService, options.transport);
    this.#repeater = new CallRepeater({
      backoff: { ...defaultBackoff, ...options.backoff },
      budget: new RetryBudget(defaultRetryBudget, performance.now()),
      events: this.events,
      maxAttempts: options.maxAttempts,
    });
    this.#sessions = new SessionPool({
      serverNow: () => performance.now() + clockOffsetMs,
      onOpened: (reason) => this.events.emit("session", { reason }),
    });
  }

  /** Asks the address for its time, which dates the session of our writes, and so finds out whether a node is there. */
  static async connect(options: UnaryEngineOptions): Promise<UnaryEngine> {
    const cluster = createClient(ClusterService, options.transport);
    const finder = new CallRepeater({
      backoff: defaultBackoff,
      budget: new RetryBudget(defaultRetryBudget, performance.now()),
      events: new ClientEvents(),
      maxAttempts: options.maxAttempts,
    });
    const { topology } = await finder.run({
      operation: "get",
      isWrite: false,
      hasIdentity: false,
      timeoutMs: options.connectTimeoutMs,
      signal: undefined,
      attempt: (context) => cluster.getTopology({}, context),
      renewSession: () => undefined,
    });
    return new UnaryEngine(options, Number(topology?.nowMs ?? 0) - performance.now());
  }

  async write(operation: WriteOperation, call: CallContext): Promise<WriteAnswer> {
    return (await this.#single(operation, call)) as WriteAnswer;
  }

  async read(operation: ReadOperation, call: CallContext): Promise<ReadAnswer> {
    return (await this.#single(operation, call)) as ReadAnswer;
  }

  async txn(operation: TxnOperation, call: CallContext): Promise<TxnAnswer> {
    return (await this.#single(operation, call)) as TxnAnswer;
  }

  async batch(operations: readonly EngineOperation[], call: CallContext): Promise<(Answer | TitanError)[]> {
    const endsAtMs = performance.now() + (call.timeoutMs ?? this.defaultTimeoutMs);
    const answers: (Answer | TitanError)[] = [];
    for (const part of partsOf(operations)) {
      const timeoutMs = Math.max(1, endsAtMs - performance.now());
      // oxlint-disable-next-line no-await-in-loop -- a browser's few connections are not for one call alone
      answers.push(...(await this.#batchPart(part, { timeoutMs, signal: call.signal })));
    }
    return answers;
  }

  async *scan(request: ScanRequest, { signal }: OpenScan): AsyncGenerator<ScanResponse, void, undefined> {
    this.#checkOpen();
    yield* this.#kv.scan(request, { signal: AbortSignal.any([signal, this.#closed.signal]) });
  }

  watch(request: WatchRequest): WatchAtNode {
    this.#checkOpen();
    return {
      address: onlyAddress,
      open: (signal) => this.#kv.watch(request, { signal: AbortSignal.any([signal, this.#closed.signal]) }),
    };
  }

  close(): Promise<void> {
    this.#closed.abort();
    return Promise.resolve();
  }

  #checkOpen(): void {
    if (!this.#closed.signal.aborted) return;
    throw new TitanError("CLOSED", "the client is closed", { outcome: "NOT_APPLIED" });
  }

  /** One operation by a call of its own. `identity` is that of an earlier attempt, if there was one. */
  async #single(
    operation: EngineOperation,
    call: CallContext,
    earlier?: { identity: HeldIdentity | undefined; maybeApplied: boolean },
  ): Promise<Answer> {
    this.#checkOpen();
    const isWrite = operation.kind !== "get";
    const identity = earlier?.identity ?? (isWrite ? HeldIdentity.take(this.#sessions, 1) : undefined);
    try {
      return await this.#repeater.run({
        operation: operation.kind,
        isWrite,
        hasIdentity: identity !== undefined,
        maybeApplied: earlier?.maybeApplied === true,
        timeoutMs: call.timeoutMs ?? this.defaultTimeoutMs,
        signal: call.signal,
        attempt: (context) => this.#call(operation, identity, context),
        renewSession: () => identity?.renew(),
      });
    } finally {
      identity?.release();
    }
  }

  async #call(
    operation: EngineOperation,
    held: HeldIdentity | undefined,
    context: { timeoutMs: number; signal: AbortSignal },
  ): Promise<Answer> {
    const identity = held === undefined ? {} : { identity: held.wire() };
    switch (operation.kind) {
      case "put": {
        const { result, origin } = await this.#kv.put({ ...writeFields(operation), ...identity }, context);
        return writeAnswer(result, origin);
      }
      case "delete": {
        const { key, returnPrevious, condition } = writeFields(operation);
        const request = {
          key,
          returnPrevious,
          ...(condition === undefined ? {} : { condition }),
          ...identity,
        };
        const { result, origin } = await this.#kv.delete(request, context);
        return writeAnswer(result, origin);
      }
      case "get": {
        const response = await this.#kv.get(readFields(operation), context);
        return readAnswer(response, response.origin);
      }
      case "txn": {
        const { compare, then, else: otherwise } = decodeTxn(operation);
        const { result, origin } = await this.#kv.txn(
          { compare, then, else: otherwise, ...identity },
          context,
        );
        const bytes = result === undefined ? new Uint8Array(0) : toBinary(TxnResultSchema, result);
        return { kind: "txn", result: bytes, origin: originOf(origin) };
      }
    }
  }

  async #batchPart(
    operations: readonly EngineOperation[],
    call: CallContext & { readonly timeoutMs: number },
  ): Promise<(Answer | TitanError)[]> {
    const endsAtMs = performance.now() + call.timeoutMs;
    const isWrite = operations.some(({ kind }) => kind !== "get");
    let identity: HeldIdentity | undefined;
    try {
      this.#checkOpen();
      identity = isWrite ? HeldIdentity.take(this.#sessions, operations.length) : undefined;
      const held = identity;
      const { results } = await this.#repeater.run({
        operation: "batch",
        isWrite,
        hasIdentity: held !== undefined,
        timeoutMs: call.timeoutMs,
        signal: call.signal,
        attempt: (context) => {
          const request = create(BatchRequestSchema, {
            operations: operations.map(wireOperation),
            ...(held === undefined ? {} : { identity: held.wire() }),
          });
          return this.#kv.batch(request, context);
        },
        renewSession: () => held?.renew(),
      });
      return await Promise.all(
        operations.map(async (operation, index) => {
          const result = results[index];
          const answer = result === undefined ? missing : answerOf(result);
          if ("kind" in answer) return answer;
          const timeoutMs = endsAtMs - performance.now();
          return await this.#repeatAlone(operation, answer, {
            identity: held?.at(index),
            signal: call.signal,
            timeoutMs,
          });
        }),
      );
    } catch (error) {
      if (error instanceof TitanError) return operations.map((each) => errorFor(each, error));
      throw error;
    } finally {
      identity?.release();
    }
  }

  /** An operation that failed within a batch is repeated by itself, as the rule allows. */
  async #repeatAlone(
    operation: EngineOperation,
    reason: Failure,
    rest: { identity: HeldIdentity | undefined; signal: AbortSignal | undefined; timeoutMs: number },
  ): Promise<Answer | TitanError> {
    const isWrite = operation.kind !== "get";
    const maybeApplied = mayHaveApplied(reason, isWrite);
    const { identity, signal, timeoutMs } = rest;
    const verdict = judge(reason, { isWrite, maybeApplied, hasIdentity: identity !== undefined });
    if (verdict === "fail" || timeoutMs < 1) return errorOf(reason, maybeApplied);
    try {
      // A position of a forgotten session is of no use; what was not applied may have a new one.
      if (verdict === "retry-in-new-session") identity?.renew();
      return await this.#single(operation, { timeoutMs, signal }, { identity, maybeApplied });
    } catch (error) {
      if (error instanceof TitanError) return error;
      throw error;
    }
  }
}

const missing: Failure = failure({
  code: "INTERNAL",
  outcome: "UNKNOWN",
  message: "the answer has fewer results than the batch has operations",
});

/** A read has no effect, whatever became of the call that it was a part of. */
function errorFor(operation: EngineOperation, error: TitanError): TitanError {
  if (operation.kind !== "get" || error.outcome === "NOT_APPLIED") return error;
  return new TitanError(error.code, error.message, { outcome: "NOT_APPLIED", cause: error.cause });
}

/** Cuts operations into calls that the nodes take. */
function* partsOf(operations: readonly EngineOperation[]): Generator<EngineOperation[]> {
  let part: EngineOperation[] = [];
  let bytes = 0;
  for (const operation of operations) {
    if (part.length > 0 && (part.length === maxCallOperations || bytes + operation.bytes > maxCallBytes)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(operation);
    bytes += operation.bytes;
  }
  if (part.length > 0) yield part;
}
