/**
 * A bidirectional gRPC stream without the RPC library, for the one method on which all the speed depends.
 *
 * The library decodes each message into objects and passes it through async iterators, which costs more than storing
 * the key. Here the handler gets the bytes of a message where they lie, and what it sends in one turn of the event loop
 * leaves in one write. On the wire it is plain gRPC: any client can be at the other end.
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import { ApiError, asApiError } from "./api-error.ts";
import { Deframer } from "./deframer.ts";
import { type GrpcFramingFault, grpcLayout, grpcPrefixBytes } from "./grpc-framing.ts";
import { grpcOk, grpcTrailersOf, type GrpcTrailers } from "./grpc-status.ts";
import { grpcTimeoutMs } from "./grpc-timeout.ts";

/** What the code that answers a stream implements. */
export interface GrpcStreamHandler {
  /** A message lies in `[start, end)`. The bytes stay as they are for as long as the handler keeps them. */
  onMessage(buffer: Buffer, start: number, end: number): void;
  /** The client sends nothing more. Answer what is under way, then call `end`. */
  onEnd(): void;
  /** The port is stopping. As `onEnd`, but with an error that sends the client to another node. */
  onDrain(): void;
  /** The stream is over, however it ended; nothing that is sent now arrives. Called exactly once. */
  onClose(): void;
}

/** The server's end of a stream. */
export interface GrpcStream {
  /** What the client sent with its request. */
  readonly headers: IncomingHttpHeaders;
  /** The client's address, for logs. */
  readonly remoteAddress: string;
  /** Bytes waiting to be sent. */
  readonly backlogBytes: number;
  /** Sends one message. The bytes belong to the stream from here on. After the end it does nothing. */
  send(message: Uint8Array): void;
  /** Ends the stream after everything sent before it, with an error or well. Only the first call counts. */
  end(error?: ApiError): void;
  /** Stops reading, and with it, soon, the client's sending. */
  pause(): void;
  /** Reads on. */
  resume(): void;
}

/** Answers a new stream. Throwing an `ApiError` refuses it. */
export type OpenGrpcStream = (stream: GrpcStream) => GrpcStreamHandler;

/** Answers of one turn up to this size are copied into one buffer; larger ones are written as they are. */
const maxGatheredBytes = 64 * 1024;

function prefixOf(length: number): Buffer {
  const prefix = Buffer.allocUnsafe(grpcPrefixBytes);
  prefix[0] = 0;
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

function faultToError(fault: GrpcFramingFault, maxRequestBytes: number): ApiError {
  switch (fault.kind) {
    case "too-large":
      return new ApiError({
        reason: "OVERLOADED",
        outcome: "NOT_APPLIED",
        message: `a message of ${fault.bytes} bytes is larger than maxRequestBytes, ${maxRequestBytes}; send smaller batches`,
      });
    case "compressed":
      return new ApiError({
        reason: "UNIMPLEMENTED",
        outcome: "NOT_APPLIED",
        message: "a message is compressed, but the stream began without the header grpc-encoding",
      });
    case "reserved-flag":
      return new ApiError({
        reason: "INVALID_ARGUMENT",
        outcome: "NOT_APPLIED",
        message: "the stream is not gRPC: a message begins with a flag that does not exist",
      });
  }
}

/** Bounds of a stream; see `PortLimits`. */
export interface GrpcStreamLimits {
  readonly maxRequestBytes: number;
  readonly maxStreamBacklogBytes: number;
}

/** Serves one HTTP/2 stream as gRPC until it ends. */
export class Http2GrpcStream implements GrpcStream {
  readonly headers: IncomingHttpHeaders;
  readonly #stream: ServerHttp2Stream;
  readonly #limits: GrpcStreamLimits;
  readonly #onDefect: (error: unknown) => void;
  readonly #deframer: Deframer<GrpcFramingFault>;
  #handler: GrpcStreamHandler | undefined;
  #timer: NodeJS.Timeout | undefined;
  #outgoing: Uint8Array[] = [];
  #outgoingBytes = 0;
  #flushScheduled = false;
  #trailers: GrpcTrailers | undefined;
  #pausedByHandler = false;
  #pausedByBacklog = false;
  readonly #flush = (): void => {
    this.#flushScheduled = false;
    this.#write();
  };

  /** @param onDefect is told of what a handler threw that is no `ApiError`. */
  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    limits: GrpcStreamLimits,
    onDefect: (error: unknown) => void,
  ) {
    this.#stream = stream;
    this.headers = headers;
    this.#limits = limits;
    this.#onDefect = onDefect;
    this.#deframer = new Deframer(grpcLayout(limits.maxRequestBytes));
  }

  get remoteAddress(): string {
    return this.#stream.session?.socket.remoteAddress ?? "";
  }

  get backlogBytes(): number {
    return this.#outgoingBytes + this.#stream.writableLength;
  }

  /** Answers the request and begins to read. */
  serve(open: OpenGrpcStream): void {
    const stream = this.#stream;
    const timeoutMs = grpcTimeoutMs(this.headers["grpc-timeout"] as string | undefined);
    try {
      if (Number.isNaN(timeoutMs))
        throw new ApiError({
          reason: "INVALID_ARGUMENT",
          outcome: "NOT_APPLIED",
          message: "grpc-timeout: not a timeout",
          subject: "grpc-timeout",
        });
      this.#handler = open(this);
    } catch (thrown) {
      this.#refuse(this.#reported(thrown));
      return;
    }
    stream.respond(
      { ":status": 200, "content-type": "application/grpc+proto", "grpc-accept-encoding": "identity" },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => this.#sendTrailers());
    stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    stream.on("end", () => this.#finishReading());
    stream.on("drain", () => this.#drained());
    stream.on("close", () => this.#close());
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(() => this.#expire(), timeoutMs);
      this.#timer.unref();
    }
  }

  send(message: Uint8Array): void {
    if (this.#trailers !== undefined || this.#stream.destroyed) return;
    this.#outgoing.push(message);
    this.#outgoingBytes += message.length + grpcPrefixBytes;
    if (this.#outgoingBytes > this.#limits.maxStreamBacklogBytes) {
      // Now, so that reading stops at the next piece of this very turn.
      this.#write();
      return;
    }
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    // After the I/O of this turn, so that answers to requests that arrived together leave together.
    setImmediate(this.#flush);
  }

  end(error?: ApiError): void {
    if (this.#trailers !== undefined) return;
    this.#trailers = error === undefined ? grpcOk : grpcTrailersOf(error);
    if (this.#stream.destroyed) return;
    this.#write();
    this.#stream.end();
  }

  pause(): void {
    this.#pausedByHandler = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#pausedByHandler = false;
    if (!this.#pausedByBacklog) this.#stream.resume();
  }

  /** The port is stopping. */
  drain(): void {
    this.#guarded(() => this.#handler?.onDrain());
  }

  #receive(chunk: Buffer): void {
    // After the end, what the client still sends is read and dropped, so that its connection does not fill up.
    if (this.#trailers !== undefined) return;
    this.#guarded(() => {
      const fault = this.#deframer.push(chunk, (buffer, start, end) => {
        if (this.#trailers === undefined) this.#handler?.onMessage(buffer, start + grpcPrefixBytes, end);
      });
      if (fault !== undefined) this.end(faultToError(fault, this.#limits.maxRequestBytes));
    });
  }

  #finishReading(): void {
    if (this.#trailers !== undefined) return;
    this.#guarded(() => {
      if (!this.#deframer.atBoundary) {
        this.end(
          new ApiError({
            reason: "INVALID_ARGUMENT",
            outcome: "NOT_APPLIED",
            message: "the stream ended inside a message",
          }),
        );
      } else this.#handler?.onEnd();
    });
  }

  #expire(): void {
    this.end(
      new ApiError({
        reason: "DEADLINE_EXCEEDED",
        outcome: "UNKNOWN",
        message: "the time the client gave the stream is over",
      }),
    );
  }

  #close(): void {
    clearTimeout(this.#timer);
    const handler = this.#handler;
    this.#handler = undefined;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    this.#trailers ??= grpcOk;
    try {
      handler?.onClose();
    } catch (thrown) {
      this.#onDefect(thrown);
    }
  }

  #write(): void {
    if (this.#outgoing.length === 0 || this.#stream.destroyed) return;
    const messages = this.#outgoing;
    const bytes = this.#outgoingBytes;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    if (bytes <= maxGatheredBytes) this.#stream.write(gather(messages, bytes));
    else {
      this.#stream.cork();
      for (const message of messages) {
        this.#stream.write(prefixOf(message.length));
        this.#stream.write(message);
      }
      this.#stream.uncork();
    }
    if (this.#stream.writableLength > this.#limits.maxStreamBacklogBytes) {
      this.#pausedByBacklog = true;
      this.#stream.pause();
    }
  }

  #drained(): void {
    if (!this.#pausedByBacklog) return;
    this.#pausedByBacklog = false;
    if (!this.#pausedByHandler) this.#stream.resume();
  }

  #sendTrailers(): void {
    this.#stream.sendTrailers({ ...(this.#trailers ?? grpcOk) });
    // A client that still sends is told to stop, as gRPC does, without an error; but not before the trailers are out,
    // since a reset takes back what is not sent.
    setImmediate(() => this.#stopClient());
  }

  #stopClient(): void {
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #refuse(error: ApiError): void {
    this.#trailers = grpcTrailersOf(error);
    if (this.#stream.destroyed) return;
    this.#stream.respond(
      { ":status": 200, "content-type": "application/grpc+proto", ...this.#trailers },
      { endStream: true },
    );
    setImmediate(() => this.#stopClient());
  }

  #guarded(action: () => void): void {
    try {
      action();
    } catch (thrown) {
      this.end(this.#reported(thrown));
    }
  }

  #reported(thrown: unknown): ApiError {
    const error = asApiError(thrown);
    if (error !== thrown) this.#onDefect(thrown);
    return error;
  }
}

/** All messages with their prefixes in one buffer. */
function gather(messages: readonly Uint8Array[], bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let position = 0;
  for (const message of messages) {
    buffer[position] = 0;
    buffer.writeUInt32BE(message.length, position + 1);
    buffer.set(message, position + grpcPrefixBytes);
    position += grpcPrefixBytes + message.length;
  }
  return buffer;
}
