/** The engine of Node.js: pipelines to the nodes, with everything that keeps them going. */
import type { ScanRequest, ScanResponse, WatchRequest } from "@titan-kv/proto";
import { slotOf } from "@titan-kv/ring";
import { checkInteger, checkTimeout } from "../api/argument-checks.ts";
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
import { TitanError } from "../errors/titan-error.ts";
import { defaultBackoff } from "../retry/backoff.ts";
import { defaultRetryBudget, RetryBudget } from "../retry/retry-budget.ts";
import { SessionPool } from "../session/session-pool.ts";
import { maxOperationsOfCall, runWindowed } from "./call-window.ts";
import { askTopology, openScan, openWatch } from "./cluster-calls.ts";
import { type ConnectSettings, nodeTls, tokenHeaders } from "./connect-options.ts";
import { defaultTiming } from "./connection.ts";
import { Dispatcher, type DispatchOptions } from "./dispatcher.ts";
import { firstTopology } from "./first-topology.ts";
import { hedged } from "./hedged-read.ts";
import { LinkTable } from "./link-table.ts";
import type { LinkOptions } from "./node-link.ts";
import { defaultStreamLimits } from "./pipeline-stream.ts";
import { Router } from "./router.ts";
import { parseSeeds } from "./seed-address.ts";
import { defaultTopologyTiming, TopologyCache } from "./topology-cache.ts";
import { openTelemetrySpans, OperationTracer } from "./tracing.ts";
import { WriteIdentities } from "./write-identities.ts";

/** Milliseconds a call may take that does not say. */
const defaultTimeoutMs = 5000;
/** Milliseconds until `connect` gives up. */
const defaultConnectTimeoutMs = 5000;
/** Milliseconds `close` waits for calls under way. */
const defaultCloseTimeoutMs = 2000;
const defaultMaxPendingOperations = 65_536;
const defaultMaxPendingBytes = 64 * 1024 * 1024;

export class PipelineEngine implements Engine {
  readonly defaultTimeoutMs: number;
  readonly events: ClientEvents;
  readonly #dispatcher: Dispatcher;
  readonly #links: LinkTable;
  readonly #router: Router;
  readonly #tracer: OperationTracer;
  readonly #hedgeAfterMs: number | undefined;
  readonly #closeTimeoutMs: number;
  #topology: TopologyCache | undefined;
  #startedAtLastLook = 0;
  #closing: Promise<void> | undefined;

  private constructor(settings: ConnectSettings, tracer: OperationTracer) {
    const { seeds, tls, directRouting = true, hedgeReadsAfterMs } = settings;
    const { addresses, wantsTls } = parseSeeds(seeds);
    const options = dispatchOptions(settings);
    this.defaultTimeoutMs = options.defaultTimeoutMs;
    this.#closeTimeoutMs = checkTimeout("closeTimeoutMs", settings.closeTimeoutMs ?? defaultCloseTimeoutMs);
    this.#hedgeAfterMs =
      hedgeReadsAfterMs === undefined ? undefined : checkTimeout("hedgeReadsAfterMs", hedgeReadsAfterMs);
    this.#tracer = tracer;
    const events = new ClientEvents();
    this.events = events;
    const pool = new SessionPool({
      serverNow: () => this.#cache.serverNow(),
      onOpened: (reason) => events.emit("session", { reason }),
    });
    const dispatcher: Dispatcher = new Dispatcher({
      options,
      budget: new RetryBudget({ ...defaultRetryBudget, ...settings.retry?.budget }, performance.now()),
      events,
      identities: new WriteIdentities({
        pool,
        shardOf: (slot) => this.#cache.table.shardOf(slot),
        resume: (operation) => dispatcher.resume(operation),
      }),
      table: () => this.#cache.table,
      linkFor: (operation) => this.#router.linkFor(operation, this.#cache.table),
      sawEpoch: (epoch) => this.#topology?.sawEpoch(epoch),
      refreshSoon: () => this.#topology?.refreshSoon(),
    });
    this.#dispatcher = dispatcher;
    this.#links = new LinkTable(addresses, linkOptions(settings, nodeTls(tls, wantsTls)), dispatcher);
    this.#router = new Router(this.#links, directRouting);
  }

  /** Finds the cluster. @throws TitanError UNAVAILABLE, PERMISSION_DENIED, INVALID_ARGUMENT; TypeError. */
  static async connect(settings: ConnectSettings): Promise<PipelineEngine> {
    const engine = new PipelineEngine(settings, new OperationTracer(await openTelemetrySpans()));
    const timeoutMs = checkTimeout("connectTimeoutMs", settings.connectTimeoutMs ?? defaultConnectTimeoutMs);
    try {
      await engine.#findCluster(timeoutMs, settings.topologyRefreshMs);
      return engine;
    } catch (error) {
      engine.#links.close();
      throw error;
    }
  }

  write(operation: WriteOperation, call: CallContext): Promise<WriteAnswer> {
    return this.#run(operation, call) as Promise<WriteAnswer>;
  }

  read(operation: ReadOperation, call: CallContext): Promise<ReadAnswer> {
    return this.#run(operation, call) as Promise<ReadAnswer>;
  }

  txn(operation: TxnOperation, call: CallContext): Promise<TxnAnswer> {
    return this.#run(operation, call) as Promise<TxnAnswer>;
  }

  batch(operations: readonly EngineOperation[], call: CallContext): Promise<(Answer | TitanError)[]> {
    const endsAtMs = performance.now() + (call.timeoutMs ?? this.defaultTimeoutMs);
    return runWindowed(operations, maxOperationsOfCall, (operation) => {
      // All share the time of the call; what begins late has less of it.
      const timeoutMs = Math.max(1, endsAtMs - performance.now());
      return this.#run(operation, { timeoutMs, signal: call.signal }).catch(asTitanError);
    });
  }

  scan(request: ScanRequest, options: OpenScan): AsyncIterable<ScanResponse> {
    this.#checkOpen();
    const link = this.#router.forQuestions(this.#cache.table)[0]!;
    return openScan(link, request, options.signal);
  }

  watch(request: WatchRequest, avoid: ReadonlySet<string>): WatchAtNode {
    this.#checkOpen();
    const { table } = this.#cache;
    const { target } = request;
    const shard = target.case === "key" ? table.shardOf(slotOf(target.value)) : undefined;
    const link = this.#router.forWatching(table, shard, avoid);
    return { address: link.address, open: (signal) => openWatch(link, request, signal) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  get #cache(): TopologyCache {
    if (this.#topology === undefined) throw new Error("the cluster was not found yet");
    return this.#topology;
  }

  #checkOpen(): void {
    if (this.#closing === undefined) return;
    throw new TitanError("CLOSED", "the client is closed", { outcome: "NOT_APPLIED" });
  }

  #run(operation: EngineOperation, call: CallContext): Promise<Answer> {
    return this.#tracer.trace(operation, () => {
      if (operation.kind !== "get" || this.#hedgeAfterMs === undefined) {
        return this.#dispatcher.start(operation, call);
      }
      return hedged(
        (context, isSecond) => this.#dispatcher.start(operation, context, isSecond),
        call,
        this.#hedgeAfterMs,
      );
    });
  }

  async #findCluster(timeoutMs: number, refreshIntervalMs: number | undefined): Promise<void> {
    const first = await firstTopology(this.#links.seeds, timeoutMs);
    const timing = {
      ...defaultTopologyTiming,
      ...(refreshIntervalMs === undefined
        ? {}
        : { refreshIntervalMs: checkTimeout("topologyRefreshMs", refreshIntervalMs) }),
    };
    this.#topology = new TopologyCache(
      first,
      {
        fetch: async () => {
          const links = this.#router.forQuestions(this.#cache.table);
          for (const link of links) {
            // oxlint-disable-next-line no-await-in-loop -- the next node is asked when this one does not answer
            const topology = await askTopology(link).catch(() => undefined);
            if (topology !== undefined) return topology;
          }
          throw new Error("no node answered");
        },
        installed: (table) => {
          this.#router.retain(table);
          this.events.emit("topology", { epoch: table.epoch, nodes: table.nodes, shards: table.shards });
        },
        wasUsed: () => {
          const { started } = this.#dispatcher;
          const wasUsed = started !== this.#startedAtLastLook;
          this.#startedAtLastLook = started;
          return wasUsed;
        },
      },
      timing,
    );
  }

  async #close(): Promise<void> {
    await this.#dispatcher.close(this.#closeTimeoutMs);
    this.#topology?.close();
    this.#links.close();
  }
}

function asTitanError(error: unknown): TitanError {
  if (error instanceof TitanError) return error;
  throw error;
}

function limitOf(name: string, value: number): number {
  return checkInteger(`limits.${name}`, value, 1, Number.MAX_SAFE_INTEGER);
}

function dispatchOptions(settings: ConnectSettings): DispatchOptions {
  const { limits = {}, retry = {}, timeoutMs = defaultTimeoutMs, atMostOnce = true } = settings;
  const { maxAttempts = Number.MAX_SAFE_INTEGER } = retry;
  return {
    maxPendingOperations: limitOf(
      "maxPendingOperations",
      limits.maxPendingOperations ?? defaultMaxPendingOperations,
    ),
    maxPendingBytes: limitOf("maxPendingBytes", limits.maxPendingBytes ?? defaultMaxPendingBytes),
    maxAttempts: checkInteger("retry.maxAttempts", maxAttempts, 1, Number.MAX_SAFE_INTEGER),
    atMostOnce,
    backoff: {
      baseMs: checkTimeout("retry.baseMs", retry.baseMs ?? defaultBackoff.baseMs),
      maxMs: checkTimeout("retry.maxMs", retry.maxMs ?? defaultBackoff.maxMs),
    },
    defaultTimeoutMs: checkTimeout("timeoutMs", timeoutMs),
  };
}

function linkOptions(settings: ConnectSettings, tls: LinkOptions["tls"]): LinkOptions {
  const { limits = {}, keepAlive = {}, token } = settings;
  const { maxInFlightOperations, maxInFlightBytes } = { ...defaultStreamLimits, ...limits };
  const { connectTimeoutMs, pingIntervalMs, pingTimeoutMs } = keepAlive;
  return {
    timing: {
      connectTimeoutMs: checkTimeout(
        "keepAlive.connectTimeoutMs",
        connectTimeoutMs ?? defaultTiming.connectTimeoutMs,
      ),
      pingIntervalMs: checkTimeout(
        "keepAlive.pingIntervalMs",
        pingIntervalMs ?? defaultTiming.pingIntervalMs,
      ),
      pingTimeoutMs: checkTimeout("keepAlive.pingTimeoutMs", pingTimeoutMs ?? defaultTiming.pingTimeoutMs),
    },
    streamLimits: {
      maxInFlightOperations: limitOf("maxInFlightOperations", maxInFlightOperations),
      maxInFlightBytes: limitOf("maxInFlightBytes", maxInFlightBytes),
    },
    tls,
    headers: () => tokenHeaders(token),
  };
}
