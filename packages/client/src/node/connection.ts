/**
 * One HTTP/2 connection to a node, from the attempt to open it to its end.
 *
 * It is ready when the other end has sent its settings: a connection that the operating system accepted for a process that
 * hangs is not. A quiet connection with work on it is pinged, since a peer that vanished without a word looks exactly like
 * one that thinks. Every listener for errors is in place from the start: an error event without one ends the process.
 */
import { connect, constants, type ClientHttp2Session, type SecureClientSessionOptions } from "node:http2";

/** Timing of connections. */
export interface ConnectionTiming {
  /** Until a new connection is ready, in milliseconds. Default 2000. */
  readonly connectTimeoutMs: number;
  /** A connection with work on it from which nothing came for this long is pinged, in milliseconds. Default 1000. */
  readonly pingIntervalMs: number;
  /** A connection that has not answered a ping for this long is cut, in milliseconds. Default 2000. */
  readonly pingTimeoutMs: number;
}

export const defaultTiming: ConnectionTiming = {
  connectTimeoutMs: 2000,
  pingIntervalMs: 1000,
  pingTimeoutMs: 2000,
};

/** An idle connection is pinged once in this many intervals, so that its end is noticed before it is needed. */
const idlePingEvery = 15;

/** What the node may have on the way to us: of one stream, and of the connection, in bytes. */
const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 16 * 1024 * 1024;

/** Who is told about a connection. */
export interface ConnectionOwner {
  /** Streams can be opened. Not called after `closed`. */
  ready(connection: Connection): void;
  /** The node takes no more streams on this connection; those that are open go on. */
  draining(connection: Connection): void;
  /** The connection is gone. Called exactly once. */
  closed(connection: Connection, reason: string): void;
}

export class Connection {
  readonly session: ClientHttp2Session;
  readonly #owner: ConnectionOwner;
  readonly #timing: ConnectionTiming;
  readonly #pingTimer: NodeJS.Timeout;
  readonly #connectTimer: NodeJS.Timeout;
  #isReady = false;
  #isClosed = false;
  #isBusy = true;
  #reason = "the connection was closed";
  #receivedSinceTick = true;
  #quietTicks = 0;
  #pingSentMs: number | undefined;

  /** Begins to connect. @param origin such as `http://host:port`. */
  constructor(fields: {
    origin: string;
    tls: SecureClientSessionOptions | undefined;
    timing: ConnectionTiming;
    owner: ConnectionOwner;
  }) {
    this.#owner = fields.owner;
    this.#timing = fields.timing;
    this.session = connect(fields.origin, {
      ...fields.tls,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
    });
    this.#connectTimer = setTimeout(() => {
      this.destroy(`no HTTP/2 connection within ${fields.timing.connectTimeoutMs} ms`);
    }, fields.timing.connectTimeoutMs);
    // While anybody waits for the connection, its socket keeps the process alive.
    this.#connectTimer.unref();
    this.#pingTimer = setInterval(() => this.#tick(), fields.timing.pingIntervalMs);
    this.#pingTimer.unref();
    this.#listen();
  }

  /** Whether streams can be opened. */
  get isReady(): boolean {
    return this.#isReady && !this.#isClosed && !this.session.closed;
  }

  /** Bytes arrived, so the peer lives. */
  touch(): void {
    this.#receivedSinceTick = true;
  }

  /** Whether there is work on the connection: it keeps the process alive, and is watched. */
  setBusy(isBusy: boolean): void {
    if (this.#isBusy === isBusy || this.#isClosed) return;
    this.#isBusy = isBusy;
    if (isBusy) this.session.ref();
    else this.session.unref();
  }

  /** Cuts the connection. Streams on it end with an error. */
  destroy(reason: string): void {
    if (this.#isClosed) return;
    this.#reason = reason;
    this.session.destroy();
  }

  /** Closes the connection when its streams have ended. */
  close(): void {
    if (!this.#isClosed && !this.session.closed) this.session.close();
  }

  #listen(): void {
    const { session } = this;
    session.on("remoteSettings", () => {
      if (this.#isReady || this.#isClosed) return;
      this.#isReady = true;
      clearTimeout(this.#connectTimer);
      session.setLocalWindowSize(connectionWindowBytes);
      this.#owner.ready(this);
    });
    session.on("error", (error: Error) => {
      this.#reason = error.message === "" ? error.name : error.message;
    });
    session.on("goaway", (code: number) => {
      this.#reason =
        code === constants.NGHTTP2_NO_ERROR
          ? "the node is closing its connections"
          : `the node ended the connection with HTTP/2 error ${code}`;
      this.#owner.draining(this);
    });
    session.on("close", () => {
      this.#isClosed = true;
      clearTimeout(this.#connectTimer);
      clearInterval(this.#pingTimer);
      this.#owner.closed(this, this.#reason);
    });
  }

  #tick(): void {
    if (!this.#isReady || this.#isClosed) return;
    if (this.#receivedSinceTick) {
      this.#receivedSinceTick = false;
      this.#quietTicks = 0;
      this.#pingSentMs = undefined;
      return;
    }
    this.#quietTicks += 1;
    const nowMs = performance.now();
    if (this.#pingSentMs !== undefined) {
      if (nowMs - this.#pingSentMs >= this.#timing.pingTimeoutMs) {
        this.destroy(`the node did not answer a ping within ${this.#timing.pingTimeoutMs} ms`);
      }
      return;
    }
    if (!this.#isBusy && this.#quietTicks % idlePingEvery !== 0) return;
    this.#pingSentMs = nowMs;
    // A ping that cannot be sent, because the connection is on its way out, counts as one without an answer.
    if (!this.session.destroyed) {
      this.session.ping((error) => {
        if (error === null) this.touch();
      });
    }
  }
}
