/**
 * The way to one address: at most one connection for new work, its pipeline stream, and the operations that wait for it.
 *
 * A connection that is told to go away keeps its streams until they end, while new work opens another one. Nothing is
 * opened before it is needed, and an address that failed is left alone for a time that grows.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { validateHeaderValue } from "node:http";
import type {
  ClientHttp2Stream,
  ClientSessionRequestOptions,
  OutgoingHttpHeaders,
  SecureClientSessionOptions,
} from "node:http2";
import type { ResultView } from "@titan-kv/proto/pipeline";
import { failure, type Failure } from "../errors/failure.ts";
import { backoffMs } from "../retry/backoff.ts";
import { Connection, type ConnectionOwner, type ConnectionTiming } from "./connection.ts";
import { OperationQueue } from "./operation-queue.ts";
import type { Carrier, PendingOperation } from "./pending-operation.ts";
import { PipelineStream, type StreamLimits, type StreamOwner } from "./pipeline-stream.ts";

/** How long an address that failed is left alone. */
const linkBackoff = { baseMs: 50, maxMs: 5000 };
/** A connection that lasted this long, in milliseconds, was a good one: failures are counted anew. */
const goodConnectionMs = 10_000;

/**
 * With more operations than this under way, new ones wait for the next answers, or for `maxGatherMs`, and leave together:
 * every message costs both sides far more than an operation in it. A few callers never wait.
 */
const gatherAbove = 8;
const maxGatherMs = 1;

/** How links reach their nodes. */
export interface LinkOptions {
  readonly timing: ConnectionTiming;
  readonly streamLimits: StreamLimits;
  /** Absent: in clear. */
  readonly tls: SecureClientSessionOptions | undefined;
  /** Headers of every request, for instance with a token. Called for each stream. */
  readonly headers: () => Promise<Record<string, string>>;
}

/** Who is told about operations that a link carried, and about the link. */
export interface LinkOwner {
  prepare(operation: PendingOperation): boolean;
  answered(operation: PendingOperation, result: ResultView, link: NodeLink): void;
  /** An attempt is over without an answer. `wasSent` is false when nothing of it left this process. */
  failed(operation: PendingOperation, reason: Failure, link: NodeLink, wasSent: boolean): void;
  /** The node's version of the slot table. */
  epochSeen(epoch: number): void;
  connected(link: NodeLink): void;
  disconnected(link: NodeLink, reason: string): void;
}

const pipelinePath = "/titan.kv.v1.KvService/Pipeline";

export class NodeLink implements ConnectionOwner, StreamOwner, Carrier {
  /** Of what waits here nothing has left. */
  readonly hasSent = false;
  /** `host:port`. */
  readonly address: string;
  /** Such as `http://host:port`. */
  readonly authority: string;
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  readonly #queue = new OperationQueue();
  readonly #connections = new Set<Connection>();
  readonly #streams = new Set<PipelineStream>();
  #connection: Connection | undefined;
  #stream: PipelineStream | undefined;
  #isOpeningStream = false;
  #flushScheduled = false;
  /** Ends the time in which operations gather; undefined when they do not. */
  #gathering: NodeJS.Timeout | undefined;
  #calls = 0;
  #waitingForReady: { resolve: (connection: Connection) => void; reject: (error: Error) => void }[] = [];
  #failures = 0;
  #readyAtMs = 0;
  #retryAtMs = 0;
  #connectTimer: NodeJS.Timeout | undefined;
  #isClosed = false;
  readonly #flush = (): void => {
    this.#flushScheduled = false;
    this.#gathering = undefined;
    this.#pump();
  };

  constructor(address: string, options: LinkOptions, owner: LinkOwner) {
    this.address = address;
    // As a URL spells it, since calls name the origin of one.
    this.authority = new URL(`${options.tls === undefined ? "http" : "https"}://${address}`).origin;
    this.#options = options;
    this.#owner = owner;
  }

  /** Whether operations would leave at once. */
  get isReady(): boolean {
    return this.#connection?.isReady === true;
  }

  /** Whether nothing speaks against the address: it was not tried yet, or works. */
  get isPromising(): boolean {
    return this.#failures === 0;
  }

  /** When the address may be tried again, on the monotonic clock; in the past when it has not failed. */
  get retryAtMs(): number {
    return this.#retryAtMs;
  }

  /** Operations that are queued, and sent without an answer so far. */
  get load(): number {
    let inFlight = this.#queue.size;
    for (const stream of this.#streams) inFlight += stream.inFlight;
    return inFlight;
  }

  /** Takes an operation. Those of one turn of the event loop leave together, and more of them when much is under way. */
  submit(operation: PendingOperation): void {
    operation.carrier = this;
    this.#queue.push(operation);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    if ((this.#stream?.inFlight ?? 0) > gatherAbove) this.#gathering = setTimeout(this.#flush, maxGatherMs);
    else setImmediate(this.#flush);
  }

  /** Begins to connect if nothing speaks against it. */
  warm(): void {
    if (this.#connection !== undefined || this.#isClosed || this.#connectTimer !== undefined) return;
    const waitMs = this.#retryAtMs - performance.now();
    if (waitMs <= 0) this.#connect();
    else if (this.#hasWork()) {
      this.#connectTimer = setTimeout(() => {
        this.#connectTimer = undefined;
        this.warm();
      }, waitMs);
    }
  }

  /** A settled operation may stay in the queue; it is passed over when its turn comes. */
  forget(): void {}

  /** Opens a stream for a single call; the connection is shared with the pipeline. For Connect's transport. */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, "signal">,
  ): Promise<ClientHttp2Stream> {
    this.#calls += 1;
    try {
      const own = await this.#options.headers();
      const connection = await this.#readyConnection();
      const all = { ...headers, ...own, ":method": method, ":path": path };
      const stream = connection.session.request(all, options);
      // Until the caller listens; without a listener an error would end the process.
      stream.on("error", () => undefined);
      stream.once("close", () => this.#callEnded());
      return stream;
    } catch (error) {
      this.#callEnded();
      throw error;
    }
  }

  /** Part of what Connect's transport asks of a connection. */
  notifyResponseByteRead(): void {
    this.#connection?.touch();
  }

  /** Ends everything. What is under way fails. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#gathering);
    const reason = failure({ code: "CLOSED", outcome: "NOT_APPLIED", message: "the client was closed" });
    for (const operation of this.#queue.drain()) this.#failUnsent(operation, reason);
    for (const stream of this.#streams) stream.cancel();
    for (const connection of this.#connections) connection.destroy("the client was closed");
    this.#rejectWaiting("the client was closed");
  }

  ready(connection: Connection): void {
    this.#readyAtMs = performance.now();
    this.#owner.connected(this);
    for (const { resolve } of this.#waitingForReady.splice(0)) resolve(connection);
    this.#pump();
    this.#updateBusy();
  }

  draining(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    // The node answers what it has and ends the stream.
    this.#stream?.finish();
    this.#stream = undefined;
    this.#leaveAlone();
    if (this.#hasWork()) this.warm();
  }

  closed(connection: Connection, reason: string): void {
    this.#connections.delete(connection);
    if (this.#connection === connection) this.#connection = undefined;
    else if (this.#connection !== undefined) return;
    const wasReady = this.#readyAtMs > 0;
    if (wasReady && performance.now() - this.#readyAtMs > goodConnectionMs) this.#failures = 0;
    this.#readyAtMs = 0;
    this.#leaveAlone();
    this.#rejectWaiting(reason);
    const unreachable = failure({
      code: "UNAVAILABLE",
      outcome: "NOT_APPLIED",
      message: `${this.address} cannot be reached: ${reason}`,
    });
    for (const operation of this.#queue.drain()) this.#failUnsent(operation, unreachable);
    this.#owner.disconnected(this, reason);
  }

  prepare(operation: PendingOperation): boolean {
    return this.#owner.prepare(operation);
  }

  answered(operation: PendingOperation, result: ResultView): void {
    this.#failures = 0;
    this.#owner.answered(operation, result, this);
  }

  progressed(_stream: PipelineStream, epoch: number): void {
    this.#connection?.touch();
    if (epoch > 0) this.#owner.epochSeen(epoch);
    this.#gathered();
    this.#updateBusy();
  }

  ended(stream: PipelineStream, reason: Failure, unanswered: readonly PendingOperation[]): void {
    this.#streams.delete(stream);
    if (this.#stream === stream) {
      this.#stream = undefined;
      // A node that ends a stream on which there was work is not a good address for the next attempt.
      if (unanswered.length > 0 && this.isReady) this.#leaveAlone();
    }
    for (const operation of unanswered) this.#owner.failed(operation, reason, this, true);
    if (!this.#queue.isEmpty) this.#pump();
    this.#updateBusy();
  }

  /** There were answers: whoever got one may have a next operation, which is to leave with what has gathered. */
  #gathered(): void {
    if (this.#gathering !== undefined) {
      clearTimeout(this.#gathering);
      this.#gathering = undefined;
    } else if (this.#flushScheduled || this.#queue.isEmpty) return;
    this.#flushScheduled = true;
    setImmediate(this.#flush);
  }

  #hasWork(): boolean {
    return !this.#queue.isEmpty || this.#waitingForReady.length > 0;
  }

  #connect(): void {
    const { tls, timing } = this.#options;
    const connection = new Connection({ origin: this.authority, tls, timing, owner: this });
    this.#connections.add(connection);
    this.#connection = connection;
    this.#updateBusy();
  }

  #leaveAlone(): void {
    this.#failures += 1;
    this.#retryAtMs = performance.now() + backoffMs(this.#failures, linkBackoff, Math.random);
  }

  #failUnsent(operation: PendingOperation, reason: Failure): void {
    if (operation.isSettled) return;
    operation.carrier = undefined;
    this.#owner.failed(operation, reason, this, false);
  }

  #pump(): void {
    if (this.#queue.isEmpty || this.#isClosed) return;
    const connection = this.#connection;
    if (connection?.isReady !== true) {
      this.warm();
      return;
    }
    if (this.#stream?.isOpen !== true) {
      if (!this.#isOpeningStream) void this.#openStream(connection);
      return;
    }
    this.#stream.pump(this.#queue);
    this.#updateBusy();
  }

  async #openStream(connection: Connection): Promise<void> {
    this.#isOpeningStream = true;
    const headers = await this.#headersOrFailure();
    this.#isOpeningStream = false;
    if (headers === undefined) return;
    if (connection.isReady && this.#connection === connection) {
      const stream = connection.session.request({
        ...headers,
        ":method": "POST",
        ":path": pipelinePath,
        "content-type": "application/grpc+proto",
        te: "trailers",
      });
      this.#stream = new PipelineStream(stream, this, this.#options.streamLimits);
      this.#streams.add(this.#stream);
    }
    this.#pump();
  }

  /** The headers of a stream; when they cannot be had, what is queued fails. */
  async #headersOrFailure(): Promise<Record<string, string> | undefined> {
    try {
      const headers = await this.#options.headers();
      // Throws for what no header may hold, such as a line break in a token.
      for (const [name, value] of Object.entries(headers)) validateHeaderValue(name, value);
      return headers;
    } catch (cause) {
      const message = "the token for the request could not be had, or cannot be sent";
      const reason = failure({ code: "PERMISSION_DENIED", outcome: "NOT_APPLIED", message, cause });
      for (const operation of this.#queue.drain()) this.#failUnsent(operation, reason);
      return undefined;
    }
  }

  #readyConnection(): Promise<Connection> {
    if (this.#connection?.isReady === true) return Promise.resolve(this.#connection);
    if (this.#isClosed) return Promise.reject(unavailable("the client was closed"));
    return new Promise((resolve, reject) => {
      this.#waitingForReady.push({ resolve, reject });
      this.warm();
    });
  }

  #rejectWaiting(reason: string): void {
    const error = unavailable(`${this.address} cannot be reached: ${reason}`);
    for (const { reject } of this.#waitingForReady.splice(0)) reject(error);
  }

  #callEnded(): void {
    this.#calls -= 1;
    this.#updateBusy();
  }

  #updateBusy(): void {
    const isBusy = this.#calls > 0 || this.load > 0;
    for (const connection of this.#connections) connection.setBusy(isBusy);
  }
}

/** For single calls, whose library takes every other error for a defect. */
function unavailable(message: string): ConnectError {
  return new ConnectError(message, Code.Unavailable);
}
