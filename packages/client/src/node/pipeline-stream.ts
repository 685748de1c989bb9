/**
 * One `KvService.Pipeline` stream: operations out in batches, results back in any order.
 *
 * The gRPC library costs more per message than the operations in it, so the framing is made here by hand and the messages
 * are written and read in place. What is under way is bounded in operations and in bytes; what does not fit stays in the
 * queue of the link.
 */
import {
  constants,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from "node:http2";
import {
  type ResultView,
  visitResponse,
  WireWriter,
  writeDelete,
  writeGet,
  writeIdentity,
  writePut,
  writeTxn,
} from "@titan-kv/proto/pipeline";
import { failure, type Failure } from "../errors/failure.ts";
import type { WriteSession } from "../session/write-session.ts";
import { MessageDeframer, prefixBytes } from "./message-deframer.ts";
import type { OperationQueue } from "./operation-queue.ts";
import type { Carrier, PendingOperation } from "./pending-operation.ts";
import { failureOfTrailers, hasStatus, httpFailure } from "./grpc-status.ts";

/** What one stream may have under way, and how large its messages get. */
export interface StreamLimits {
  /** Operations sent and not answered. Default 4096. */
  readonly maxInFlightOperations: number;
  /** Bytes of the keys and values of those operations. Default 16 MiB. */
  readonly maxInFlightBytes: number;
}

export const defaultStreamLimits: StreamLimits = {
  maxInFlightOperations: 4096,
  maxInFlightBytes: 16 * 1024 * 1024,
};

/** Operations of one message at most; the nodes refuse more than 1024. */
const maxMessageOperations = 1024;
/** A message is closed when it has this many bytes. One operation may be larger; the nodes take 4 MiB. */
const maxMessageBytes = 256 * 1024;
/** Bytes that may wait for the socket before the stream stops writing. */
const maxUnsentBytes = 1024 * 1024;
/** The largest answer: a message of results is as large as the node likes, but not absurd. */
const maxResponseBytes = 64 * 1024 * 1024;
/** The acknowledgement of answers is sent again when it has moved by this many positions. */
const acknowledgeEvery = 512;

/** Who is told about a stream. */
export interface StreamOwner {
  /**
   * Called before an operation is written. Gives a write its identity; returns false when the operation must not be sent
   * now, and the owner has put it elsewhere or settled it.
   */
  prepare(operation: PendingOperation): boolean;
  answered(operation: PendingOperation, result: ResultView): void;
  /** After the results of a chunk: there may be room for more. */
  progressed(stream: PipelineStream, epoch: number): void;
  /** The stream is over. `unanswered` is what it still had under way. Called exactly once. */
  ended(stream: PipelineStream, reason: Failure, unanswered: readonly PendingOperation[]): void;
}

export class PipelineStream implements Carrier {
  readonly hasSent = true;
  readonly #stream: ClientHttp2Stream;
  readonly #owner: StreamOwner;
  readonly #limits: StreamLimits;
  readonly #writer = new WireWriter();
  readonly #deframer: MessageDeframer;
  readonly #inFlight = new Map<number, PendingOperation>();
  readonly #visitResult = (result: ResultView): void => this.#result(result);
  #inFlightBytes = 0;
  #nextId = 1;
  #session: WriteSession | undefined;
  #announcedBelow = 0;
  #epoch = 0;
  #reason: Failure | undefined;
  #hasAnswers = false;
  #isEnding = false;

  constructor(stream: ClientHttp2Stream, owner: StreamOwner, limits: StreamLimits) {
    this.#stream = stream;
    this.#owner = owner;
    this.#limits = limits;
    this.#deframer = new MessageDeframer(maxResponseBytes, (buffer, start, end) => {
      this.#epoch = Math.max(this.#epoch, visitResponse(buffer, start, end, this.#visitResult));
    });
    stream.on("response", (headers) => this.#responded(headers));
    stream.on("data", (chunk: Buffer) => this.#received(chunk));
    stream.on("trailers", (headers: IncomingHttpHeaders) => this.#finished(headers));
    stream.on("drain", () => this.#owner.progressed(this, 0));
    stream.on("error", (error: Error) => {
      this.#reason ??= failure({
        code: "UNAVAILABLE",
        outcome: "UNKNOWN",
        message: error.message,
        cause: error,
      });
    });
    stream.on("close", () => this.#closed());
  }

  /** Operations sent and not answered. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Whether operations can be sent on it. */
  get isOpen(): boolean {
    return !this.#isEnding && !this.#stream.destroyed && !this.#stream.closed;
  }

  /** Sends what is queued, as far as the limits allow. */
  pump(queue: OperationQueue): void {
    while (!queue.isEmpty && this.#hasRoom()) {
      const batch = this.#gather(queue);
      if (batch.length > 0) this.#encode(batch);
    }
    if (this.#writer.position > 0) this.#stream.write(this.#writer.take());
  }

  /** Nobody waits for the answer any more. */
  forget(operation: PendingOperation): void {
    if (this.#inFlight.delete(operation.id)) this.#inFlightBytes -= operation.operation.bytes;
  }

  /** Sends nothing more; answers still come. */
  finish(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#stream.end();
  }

  /** Ends the stream at once. */
  cancel(): void {
    this.#isEnding = true;
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #hasRoom(): boolean {
    return (
      this.isOpen &&
      this.#inFlight.size < this.#limits.maxInFlightOperations &&
      this.#inFlightBytes < this.#limits.maxInFlightBytes &&
      this.#stream.writableLength + this.#writer.position < maxUnsentBytes
    );
  }

  /** Takes the operations of one message from the queue. */
  #gather(queue: OperationQueue): PendingOperation[] {
    const batch: PendingOperation[] = [];
    const room = Math.min(maxMessageOperations, this.#limits.maxInFlightOperations - this.#inFlight.size);
    let bytes = 0;
    for (let next = queue.peek(); next !== undefined && batch.length < room; next = queue.peek()) {
      if (bytes > 0 && bytes + next.operation.bytes > maxMessageBytes) break;
      queue.shift();
      if (!this.#owner.prepare(next)) continue;
      bytes += next.operation.bytes;
      batch.push(next);
    }
    return batch;
  }

  /** Writes a batch as one message, or as one for each session when its writes belong to several. */
  #encode(batch: readonly PendingOperation[]): void {
    let session: WriteSession | undefined;
    for (const operation of batch) {
      if (operation.session === undefined || operation.session === session) continue;
      if (session !== undefined) {
        this.#encodeBySession(batch);
        return;
      }
      session = operation.session;
    }
    this.#encodeMessage(batch, session);
  }

  #encodeBySession(batch: readonly PendingOperation[]): void {
    const bySession = new Map<WriteSession | undefined, PendingOperation[]>();
    for (const operation of batch) {
      const group = bySession.get(operation.session);
      if (group === undefined) bySession.set(operation.session, [operation]);
      else group.push(operation);
    }
    for (const [session, group] of bySession) this.#encodeMessage(group, session);
  }

  #encodeMessage(operations: readonly PendingOperation[], session: WriteSession | undefined): void {
    const writer = this.#writer;
    writer.reserve(prefixBytes);
    const prefix = writer.position;
    writer.position += prefixBytes;
    if (session !== undefined) this.#announce(session);
    for (const operation of operations) {
      operation.id = this.#nextId;
      this.#nextId += 1;
      operation.carrier = this;
      this.#inFlight.set(operation.id, operation);
      this.#inFlightBytes += operation.operation.bytes;
      encodeOperation(writer, operation);
    }
    writer.buffer[prefix] = 0;
    writer.buffer.writeUInt32BE(writer.position - prefix - prefixBytes, prefix + 1);
  }

  /** Names the session of the writes that follow, when it is another one or much has been answered since. */
  #announce(session: WriteSession): void {
    const { acknowledgedBelow } = session;
    if (session === this.#session && acknowledgedBelow < this.#announcedBelow + acknowledgeEvery) return;
    this.#session = session;
    this.#announcedBelow = acknowledgedBelow;
    writeIdentity(this.#writer, session);
  }

  #responded(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    const status = headers[":status"];
    if (status !== 200) this.#reason = httpFailure(status);
    // An answer that consists of headers alone refuses the stream.
    else if (hasStatus(headers)) this.#reason = failureOfTrailers(headers);
  }

  #finished(headers: IncomingHttpHeaders): void {
    // The status speaks of the stream, or of one message that could not be read. Of what else was under way on it, some
    // may have been carried out.
    this.#reason = { ...failureOfTrailers(headers), outcome: "UNKNOWN" };
  }

  #received(chunk: Buffer): void {
    try {
      this.#hasAnswers = true;
      this.#deframer.push(chunk);
    } catch (cause) {
      const message = `the node's answer cannot be understood: ${cause instanceof Error ? cause.message : ""}`;
      this.#reason = failure({ code: "UNAVAILABLE", outcome: "UNKNOWN", message, cause });
      this.cancel();
    }
    this.#owner.progressed(this, this.#epoch);
  }

  #result(result: ResultView): void {
    const operation = this.#inFlight.get(result.id);
    // The answer to an operation that nobody waits for any more.
    if (operation === undefined) return;
    this.#inFlight.delete(result.id);
    this.#inFlightBytes -= operation.operation.bytes;
    operation.carrier = undefined;
    this.#owner.answered(operation, result);
  }

  #closed(): void {
    this.#isEnding = true;
    const unanswered = [...this.#inFlight.values()];
    this.#inFlight.clear();
    for (const operation of unanswered) operation.carrier = undefined;
    this.#owner.ended(this, this.#endReason(), unanswered);
  }

  #endReason(): Failure {
    // The one code by which HTTP/2 promises that nobody has looked at the stream.
    if (this.#stream.rstCode === constants.NGHTTP2_REFUSED_STREAM && !this.#hasAnswers) {
      return failure({ code: "UNAVAILABLE", outcome: "NOT_APPLIED", message: "the node refused the stream" });
    }
    const lost = "the connection to the node broke before the answer arrived";
    return this.#reason ?? failure({ code: "UNAVAILABLE", outcome: "UNKNOWN", message: lost });
  }
}

function encodeOperation(writer: WireWriter, pending: PendingOperation): void {
  const { operation } = pending;
  switch (operation.kind) {
    case "put":
      writePut(writer, pending, operation);
      return;
    case "delete":
      writeDelete(writer, pending, operation);
      return;
    case "get":
      writeGet(writer, pending, operation);
      return;
    case "txn":
      writeTxn(writer, pending, operation.txn);
      return;
  }
}
