/**
 * The HTTP/2 half of a port: it is given sockets that speak HTTP/2 and looks after their sessions.
 *
 * Node leaves to its users what a server on a network needs: errors of a session or socket without a listener end the
 * process; a peer that vanished without a word keeps its session for ever; a session without requests is never closed;
 * closing the server waits for clients that have no reason to leave. All of that is here, so that nothing above it has
 * to think of connections.
 */
import http2 from "node:http2";
import type { Http2Server, Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";
import type { PortLimits } from "./port-limits.ts";

/** Receive window of a whole connection, in bytes: enough that one busy stream does not wait for acknowledgements. */
const connectionWindowBytes = 16 * 1024 * 1024;
/** Receive window of a stream, in bytes. */
const streamWindowBytes = 4 * 1024 * 1024;
/** Largest frame a client may send, in bytes: a large message comes in few pieces. */
const maxFrameBytes = 256 * 1024;
/**
 * What Node may hold for one session, in megabytes. At its own default of 10 it refuses new streams while a few large
 * answers are on their way; what one stream may pile up is bounded elsewhere.
 */
const maxSessionMegabytes = 128;
/** How often sessions are looked after, at most, in milliseconds. */
const sweepIntervalMs = 5000;

/** What is known about a session between two looks at it. */
interface SessionState {
  openStreams: number;
  /** Whether the client ever asked for anything. */
  used: boolean;
  /** When a stream last began or ended. */
  lastStreamMs: number;
  /** When the client last proved to be there. */
  lastAliveMs: number;
  /** When an unanswered ping was sent; 0 when there is none. */
  pingedAtMs: number;
}

/** What a listener does with what arrives. */
export interface Http2ListenerOptions {
  readonly limits: PortLimits;
  /** Answers an ordinary request. */
  readonly onRequest: (request: Http2ServerRequest, response: Http2ServerResponse) => void;
  /** Is shown every stream first; returns true when it answers the stream itself. */
  readonly onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;
}

type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: string[],
) => void;

/** Serves HTTP/2 on sockets that are handed to it. */
export class Http2Listener {
  readonly #limits: PortLimits;
  readonly #server: Http2Server;
  readonly #sessions = new Map<Http2Session, SessionState>();
  readonly #sweeper: NodeJS.Timeout;
  #draining = false;

  constructor(options: Http2ListenerOptions) {
    const { limits } = options;
    this.#limits = limits;
    this.#server = http2.createServer({
      maxSessionMemory: maxSessionMegabytes,
      settings: {
        enablePush: false,
        initialWindowSize: streamWindowBytes,
        maxConcurrentStreams: limits.maxStreamsPerConnection,
        maxFrameSize: maxFrameBytes,
        maxHeaderListSize: limits.maxHeaderBytes,
      },
    });
    this.#server.on("session", (session) => {
      this.#watch(session);
      session.setLocalWindowSize(connectionWindowBytes);
    });
    this.#server.on("sessionError", () => undefined);
    this.#server.on("request", options.onRequest);
    this.#routeStreams(options.onStream);
    this.#sweeper = setInterval(
      () => this.#sweep(performance.now()),
      Math.min(
        sweepIntervalMs,
        limits.pingIntervalMs,
        limits.pingTimeoutMs,
        limits.idleTimeoutMs,
        limits.requestTimeoutMs,
      ),
    );
    this.#sweeper.unref();
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** Serves a socket on which an HTTP/2 client has begun to speak. */
  accept(socket: Socket): void {
    if (this.#draining) {
      socket.destroy();
      return;
    }
    // A socket of an HTTP/1.1 server may stay half open. A session must not: a client that is gone would be kept.
    socket.allowHalfOpen = false;
    this.#server.emit("connection", socket);
  }

  /** Tells every client to go elsewhere; what is under way may finish. */
  drain(): void {
    this.#draining = true;
    for (const session of this.#sessions.keys()) session.close();
  }

  /** Cuts every connection. */
  destroy(): void {
    this.#draining = true;
    clearInterval(this.#sweeper);
    for (const session of this.#sessions.keys()) session.destroy();
  }

  /**
   * Node translates streams into requests in a listener of its own, which it adds together with the first listener for
   * "request". Ours goes before it, and only what it does not take is translated.
   */
  #routeStreams(onStream: Http2ListenerOptions["onStream"]): void {
    const translate = this.#server.listeners("stream") as unknown as StreamListener[];
    this.#server.removeAllListeners("stream");
    this.#server.on("stream", (stream, headers, flags, rawHeaders) => {
      // A reset stream fails with an error that nobody has to handle; without a listener it would end the process.
      stream.on("error", () => undefined);
      this.#count(stream);
      // Node tells of a stream a little after the fact: a client may have taken it back by now, and answering it throws.
      if (stream.destroyed || stream.closed) return;
      if (onStream(stream, headers)) return;
      for (const listener of translate) listener.call(this.#server, stream, headers, flags, rawHeaders);
    });
  }

  #watch(session: Http2Session): void {
    const nowMs = performance.now();
    const state = { openStreams: 0, used: false, lastStreamMs: nowMs, lastAliveMs: nowMs, pingedAtMs: 0 };
    this.#sessions.set(session, state);
    session.on("error", () => undefined);
    session.on("close", () => this.#sessions.delete(session));
  }

  #count(stream: ServerHttp2Stream): void {
    const state = stream.session === undefined ? undefined : this.#sessions.get(stream.session);
    if (state === undefined) return;
    state.openStreams += 1;
    state.used = true;
    state.lastAliveMs = performance.now();
    stream.once("close", () => {
      state.openStreams -= 1;
      state.lastStreamMs = performance.now();
    });
  }

  #sweep(nowMs: number): void {
    const limits = this.#limits;
    for (const [session, state] of this.#sessions) {
      // A client that has yet to ask for something is given as long as a request may take.
      const idleLimitMs = state.used ? limits.idleTimeoutMs : limits.requestTimeoutMs;
      if (state.pingedAtMs > 0 && nowMs - state.pingedAtMs > limits.pingTimeoutMs) session.destroy();
      else if (state.openStreams === 0 && nowMs - state.lastStreamMs > idleLimitMs) session.close();
      else if (state.pingedAtMs === 0 && nowMs - state.lastAliveMs > limits.pingIntervalMs) {
        this.#ping(session, state, nowMs);
      }
    }
  }

  #ping(session: Http2Session, state: SessionState, nowMs: number): void {
    if (session.closed || session.destroyed) return;
    state.pingedAtMs = nowMs;
    session.ping((error) => {
      if (error !== null) return;
      state.pingedAtMs = 0;
      state.lastAliveMs = performance.now();
    });
  }
}
