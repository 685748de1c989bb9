/**
 * An HTTP/2 connection for calls to another server.
 *
 * The RPC library has one of its own, in which a GOAWAY on an idle connection, which is what every restarted server
 * sends, can raise an error that nobody listens for any more, and end the process (connectrpc/connect-es #1768). This
 * one never takes its listener away.
 */
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from "node:http2";
import { ApiError } from "./api-error.ts";
import { toConnectError } from "./error-mapping.ts";

/** How often a connection may end between being made and being used, before the other side is taken for unwilling. */
const maxAttempts = 3;

/** When a quiet or dead connection is given up, in milliseconds. */
export interface ClientSessionTimes {
  /** From dialling to the first byte. */
  readonly connectTimeoutMs: number;
  /** A quiet connection with calls under way is asked for a sign of life after this time. */
  readonly pingIntervalMs: number;
  /** It is cut when none came for this long. */
  readonly pingTimeoutMs: number;
}

/** Keeps one connection, made when it is needed, and replaced when it is over. */
export class Http2ClientSession {
  /** The origin, as in `https://host:port`. */
  readonly authority: string;
  readonly #dial: () => ClientHttp2Session;
  readonly #times: ClientSessionTimes;
  /** Those with calls under way that take no new ones, and the present one. */
  readonly #open = new Set<ClientHttp2Session>();
  #session: ClientHttp2Session | undefined;
  #connected: Promise<ClientHttp2Session> | undefined;

  constructor(authority: string, times: ClientSessionTimes, options: http2.ClientSessionOptions = {}) {
    this.authority = authority;
    this.#times = times;
    this.#dial = () => http2.connect(authority, options);
  }

  /**
   * Begins a request, on a new connection if need be.
   * @throws ConnectError `unavailable`, with the detail NOT_APPLIED, when there is no connection to be had.
   */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<http2.ClientSessionRequestOptions, "signal">,
  ): Promise<ClientHttp2Stream> {
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      // oxlint-disable-next-line no-await-in-loop -- a second round is for a connection that has just ended
      const session = await this.#ready().catch((error: unknown) => this.#unreachable(error));
      if (!session.closed && !session.destroyed) {
        return session.request({ ...headers, ":method": method, ":path": path }, options);
      }
    }
    return this.#unreachable("it closes every connection");
  }

  /** Part of what the RPC library expects of a session; the pings here do not need it. */
  notifyResponseByteRead(): void {
    // Nothing to do.
  }

  /** Ends every connection and the calls on them. The next request makes a new one. */
  destroy(): void {
    for (const session of this.#open) session.destroy();
    this.#forget();
  }

  #unreachable(cause: unknown): never {
    throw toConnectError(
      new ApiError({
        reason: "UNAVAILABLE",
        // Nothing was sent.
        outcome: "NOT_APPLIED",
        message: `no connection to ${this.authority}`,
        cause,
      }),
    );
  }

  #ready(): Promise<ClientHttp2Session> {
    const session = this.#session;
    // After a GOAWAY Node closes a session for new requests; those under way on it go on.
    if (session === undefined || session.closed || session.destroyed || this.#connected === undefined) {
      return this.#connect();
    }
    return this.#connected;
  }

  #connect(): Promise<ClientHttp2Session> {
    const session = this.#dial();
    this.#session = session;
    this.#open.add(session);
    const connected = new Promise<ClientHttp2Session>((resolve, reject) => {
      const timer = setTimeout(
        () => session.destroy(new Error(`no connection to ${this.authority} in time`)),
        this.#times.connectTimeoutMs,
      );
      session.once("connect", () => {
        clearTimeout(timer);
        resolve(session);
      });
      session.on("error", (error) => reject(error));
      session.once("close", () => {
        clearTimeout(timer);
        reject(new Error(`the connection to ${this.authority} was closed`));
      });
    });
    // Whoever asked for the connection learns that it failed; that nobody may have asked is no reason to end the process.
    connected.catch(() => undefined);
    this.#connected = connected;
    session.once("close", () => {
      this.#open.delete(session);
      if (this.#session === session) this.#forget();
    });
    this.#watch(session);
    return connected;
  }

  #forget(): void {
    this.#session = undefined;
    this.#connected = undefined;
  }

  #watch(session: ClientHttp2Session): void {
    const { pingIntervalMs, pingTimeoutMs } = this.#times;
    let pingedAtMs = 0;
    const timer = setInterval(() => {
      if (session.destroyed) return;
      if (pingedAtMs > 0) {
        if (performance.now() - pingedAtMs > pingTimeoutMs) session.destroy(new Error("no answer to a ping"));
        return;
      }
      if (session.connecting) return;
      pingedAtMs = performance.now();
      session.ping((error) => {
        if (error === null) pingedAtMs = 0;
      });
    }, pingIntervalMs);
    timer.unref();
    session.once("close", () => clearInterval(timer));
  }
}
