/**
 * The port for clients: one TCP port that speaks HTTP/1.1 and HTTP/2, in clear or inside TLS, and on them Connect, gRPC
 * and gRPC-Web, plain pages, and the fast stream.
 */
import type { ConnectRouter, Interceptor } from "@connectrpc/connect";
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Logger } from "pino";
import {
  answerPlainly,
  createConnectHandler,
  type HttpRequest,
  type HttpResponse,
  pathOf,
} from "./connect-handler.ts";
import { drainInterceptor, stoppingError } from "./drain-interceptor.ts";
import { toConnectError } from "./error-mapping.ts";
import { Http2Listener } from "./http2-listener.ts";
import { GrpcStreamRegistry } from "./grpc-stream-registry.ts";
import type { OpenGrpcStream } from "./grpc-stream.ts";
import { OriginPolicy, type OriginPolicyOptions } from "./origin-policy.ts";
import { type PageHandler, servePage } from "./pages.ts";
import { http2Head, peekHead } from "./peek-head.ts";
import type { PortLimits } from "./port-limits.ts";
import { minTlsVersion, type TlsFiles } from "./tls-files.ts";

/** What a client port serves. */
export interface ClientPortOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Absent means in clear. */
  readonly tls?: { readonly files: TlsFiles; readonly requireClientCertificate: boolean } | undefined;
  /** Registers the services. */
  readonly routes: (router: ConnectRouter) => void;
  /** Applied to every call of a service, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Plain pages by path. */
  readonly pages: ReadonlyMap<string, PageHandler>;
  /** Answers GET requests for any other path; without it they get 404. */
  readonly fallbackPage?: PageHandler;
  readonly origins: OriginPolicyOptions;
  readonly limits: PortLimits;
  readonly logger: Logger;
}

/** Methods of services that are handed out as streams of bytes; see `OpenGrpcStream`. */
export type GrpcStreams = Readonly<Record<string, OpenGrpcStream>>;

/** How often the last connections are looked at while the port waits for them to end, in milliseconds. */
const stopPollMs = 20;
/** How long answers to what is cut may take to leave, in milliseconds. */
const lastWordsMs = 200;

/** An open port. */
export class ClientPort {
  readonly #options: ClientPortOptions;
  readonly #server: http.Server;
  readonly #http2: Http2Listener;
  readonly #streams: GrpcStreamRegistry;
  readonly #draining = new AbortController();
  readonly #shutdown = new AbortController();
  readonly #sockets = new Set<Socket>();
  /** Those that have not sent anything yet. */
  readonly #silent = new Set<Socket>();
  #stopping: Promise<void> | undefined;

  private constructor(options: ClientPortOptions) {
    this.#options = options;
    const { limits, logger } = options;
    this.#streams = new GrpcStreamRegistry(limits, logger);
    const answer = this.#createAnswer();
    this.#http2 = new Http2Listener({
      limits,
      onRequest: answer,
      onStream: (stream, headers) => this.#streams.take(stream, headers),
    });
    this.#server = this.#createServer(answer);
  }

  /** Binds the port. @throws when the address is in use or not ours. */
  static async open(options: ClientPortOptions): Promise<ClientPort> {
    const port = new ClientPort(options);
    await port.#listen();
    return port;
  }

  /** Where it listens. */
  get address(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Answers gRPC requests for `path`, such as `/pkg.Service/Method`, without the RPC library. Others go to the service. */
  registerStream(path: string, open: OpenGrpcStream): void {
    this.#streams.register(path, open);
  }

  /**
   * Takes no more connections, tells clients to go elsewhere, lets what is under way finish for at most `graceMs`, then
   * cuts the rest. Never rejects; a second call waits for the first.
   */
  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  #createAnswer(): (request: HttpRequest, response: HttpResponse) => void {
    const { routes, interceptors = [], limits, logger, pages, fallbackPage } = this.#options;
    const origins = new OriginPolicy(this.#options.origins);
    const serve = createConnectHandler({
      routes,
      interceptors: [...interceptors, drainInterceptor(this.#draining.signal)],
      limits,
      logger,
      shutdownSignal: this.#shutdown.signal,
    });
    return (request, response) => {
      request.on("error", () => undefined);
      response.on("error", () => undefined);
      if (!origins.admit(request, response)) return;
      if (serve(request, response)) return;
      const page = pages.get(pathOf(request)) ?? (request.method === "GET" ? fallbackPage : undefined);
      if (page === undefined) {
        answerPlainly(response, 404, "no such path");
        return;
      }
      servePage(page, request, response).catch((error: unknown) => {
        logger.warn({ err: error, path: pathOf(request) }, "a page could not be sent");
      });
    };
  }

  #createServer(answer: http.RequestListener): http.Server {
    const { limits, tls } = this.#options;
    const httpOptions: http.ServerOptions = {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.idleTimeoutMs,
      connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs) / 2,
      noDelay: true,
    };
    const server =
      tls === undefined
        ? http.createServer(httpOptions, answer)
        : https.createServer(
            {
              ...httpOptions,
              ...tls.files.material,
              minVersion: minTlsVersion,
              requestCert: tls.requireClientCertificate,
              rejectUnauthorized: tls.requireClientCertificate,
              handshakeTimeout: limits.headersTimeoutMs,
              ALPNProtocols: ["h2", "http/1.1"],
            },
            answer,
          );
    tls?.files.onChange((material) => {
      (server as https.Server).setSecureContext({ ...material, minVersion: minTlsVersion });
    });
    server.maxConnections = limits.maxConnections;
    server.on("tlsClientError", (_error: Error, socket: Socket) => socket.destroy());
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => refuseBadHttp(error, socket));
    this.#sortConnections(server, tls === undefined ? "connection" : "secureConnection");
    return server;
  }

  /** Puts a look at the first bytes before the HTTP/1.1 server, which is the one that listens, so that its own checks of slow clients work. */
  #sortConnections(server: http.Server, event: "connection" | "secureConnection"): void {
    const speakHttp1 = server.listeners(event) as ((socket: Socket) => void)[];
    server.removeAllListeners(event);
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on(event, (socket: Socket) => {
      this.#silent.add(socket);
      socket.on("close", () => this.#silent.delete(socket));
      socket.setNoDelay(true);
      peekHead(socket, this.#options.limits.headersTimeoutMs, (head) => {
        this.#silent.delete(socket);
        if (head === http2Head) this.#http2.accept(socket);
        else {
          for (const listener of speakHttp1) listener.call(server, socket);
          socket.resume();
        }
      });
    });
  }

  #listen(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        this.#server.on("error", (error) => {
          this.#options.logger.error({ err: error }, "the client port failed to accept a connection");
        });
        resolve();
      });
    });
  }

  async #stop(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#silent) socket.destroy();
    this.#streams.drain();
    this.#http2.drain();
    this.#draining.abort();
    await this.#emptied(graceMs);
    if (this.#sockets.size > 0) {
      // Those that still wait are told that they wait in vain; then there is no more to be said.
      this.#shutdown.abort(toConnectError(stoppingError("UNKNOWN")));
      await this.#emptied(lastWordsMs);
    }
    this.#http2.destroy();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Resolves when no connection is left, or when the time is over. */
  async #emptied(withinMs: number): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    while (this.#sockets.size > 0 && performance.now() < deadlineMs) {
      this.#server.closeIdleConnections();
      // oxlint-disable-next-line no-await-in-loop -- it is a wait
      await new Promise((resolve) => setTimeout(resolve, stopPollMs));
    }
  }
}

function refuseBadHttp(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.writable && error.code !== "ECONNRESET") {
    const status =
      error.code === "HPE_HEADER_OVERFLOW"
        ? "431 Request Header Fields Too Large"
        : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
          ? "408 Request Timeout"
          : "400 Bad Request";
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`);
  }
  socket.destroySoon();
}
