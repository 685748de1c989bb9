/**
 * The port for the other nodes: the frames of consensus, which are hot, over plain sockets or TLS; everything else
 * between nodes as gRPC. The first bytes of a connection tell which.
 */
import type { ConnectRouter, Interceptor } from "@connectrpc/connect";
import net, { type AddressInfo, type Server, type Socket } from "node:net";
import tls from "node:tls";
import type { Logger } from "pino";
import { answerPlainly, createConnectHandler, type ConnectHandler } from "../http/connect-handler.ts";
import { drainInterceptor, stoppingError } from "../http/drain-interceptor.ts";
import { toConnectError } from "../http/error-mapping.ts";
import { Http2Listener } from "../http/http2-listener.ts";
import { http2Head, peekHead } from "../http/peek-head.ts";
import type { PortLimits } from "../http/port-limits.ts";
import { minTlsVersion, type TlsFiles } from "../http/tls-files.ts";
import { type Admit, encodeHello, type Hello, type PeerIdentity, type Refusal } from "./hello.ts";
import { InboundPeer } from "./inbound-peer.ts";
import { admissionInterceptor } from "./peer-credentials.ts";
import { peerMagic } from "./peer-frame.ts";
import type { PeerLimits } from "./peer-limits.ts";
import { misdirected, peerAlpn } from "./peer-link.ts";

/** What a peer port needs. */
export interface PeerPortOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Who this node is. */
  readonly self: PeerIdentity;
  /** Mutual TLS: both sides must have a certificate of the same authority. Absent means in clear. */
  readonly tls?: TlsFiles | undefined;
  readonly limits: PeerLimits;
  /** For the services between nodes. */
  readonly httpLimits: PortLimits;
  /** Judges every node that connects, and every call of a service. */
  readonly admit: Admit;
  /** A frame arrived. It may be kept; its bytes do not change. */
  readonly onFrame: (fromNode: number, frame: Buffer, channel: number) => void;
  /** A node has connected, or connected again: a good moment to dial it. */
  readonly onPeer?: (node: number) => void;
  /** Registers the services between nodes. */
  readonly routes: (router: ConnectRouter) => void;
  /** Applied to every call of a service, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
  readonly logger: Logger;
}

/** How often the last calls are looked at while the port waits for them to end, in milliseconds. */
const stopPollMs = 20;
/** How long answers to what is cut may take to leave, in milliseconds. */
const lastWordsMs = 200;

/** An open port for other nodes. */
export class PeerPort {
  readonly #options: PeerPortOptions;
  readonly #server: Server;
  readonly #http2: Http2Listener;
  readonly #draining = new AbortController();
  readonly #shutdown = new AbortController();
  readonly #sockets = new Set<Socket>();
  readonly #peers = new Map<number, InboundPeer>();
  /** The latest start of each node that was here, so that an earlier one cannot come back. */
  readonly #incarnations = new Map<number, number>();
  /** Connections that were cut for what they sent. */
  #faults = 0;

  private constructor(options: PeerPortOptions) {
    this.#options = options;
    const serve = this.#createHandler();
    this.#http2 = new Http2Listener({
      limits: options.httpLimits,
      onRequest: (request, response) => {
        if (!serve(request, response)) answerPlainly(response, 404, "no such path on the port for nodes");
      },
      onStream: () => false,
    });
    this.#server = this.#createServer();
  }

  /** Binds the port. @throws when the address is in use or not ours. */
  static async open(options: PeerPortOptions): Promise<PeerPort> {
    const port = new PeerPort(options);
    await new Promise<void>((resolve, reject) => {
      port.#server.once("error", reject);
      port.#server.listen({ host: options.host, port: options.port }, () => {
        port.#server.off("error", reject);
        port.#server.on("error", (error) => {
          options.logger.error({ err: error }, "the peer port failed to accept a connection");
        });
        resolve();
      });
    });
    return port;
  }

  /** Where it listens. */
  get address(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Connections cut since the port was opened because of what they sent. */
  get faults(): number {
    return this.#faults;
  }

  /** Nodes that have a connection to this one. */
  get connectedNodes(): number[] {
    return [...this.#peers.keys()];
  }

  /** Cuts the connection of a node, for instance of one that was removed; it is judged anew when it comes back. */
  disconnect(node: number): void {
    this.#peers.get(node)?.destroy();
  }

  /** Takes no more connections, lets calls finish for at most `graceMs`, then cuts everything. */
  async stop(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const peer of this.#peers.values()) peer.destroy();
    this.#http2.drain();
    this.#draining.abort();
    await this.#emptied(graceMs);
    if (this.#http2.connections > 0) {
      this.#shutdown.abort(toConnectError(stoppingError("UNKNOWN")));
      await this.#emptied(lastWordsMs);
    }
    this.#http2.destroy();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Resolves when no call is under way, or when the time is over. */
  async #emptied(withinMs: number): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    while (this.#http2.connections > 0 && performance.now() < deadlineMs) {
      // oxlint-disable-next-line no-await-in-loop -- it is a wait
      await new Promise((resolve) => setTimeout(resolve, stopPollMs));
    }
  }

  #createHandler(): ConnectHandler {
    const { admit, interceptors = [], routes, httpLimits, logger } = this.#options;
    return createConnectHandler({
      routes,
      interceptors: [...interceptors, admissionInterceptor(admit), drainInterceptor(this.#draining.signal)],
      limits: httpLimits,
      logger,
      shutdownSignal: this.#shutdown.signal,
    });
  }

  #createServer(): Server {
    const { tls: files, limits } = this.#options;
    const server =
      files === undefined
        ? net.createServer()
        : tls.createServer({
            ...files.material,
            minVersion: minTlsVersion,
            requestCert: true,
            rejectUnauthorized: true,
            handshakeTimeout: limits.connectTimeoutMs,
            ALPNProtocols: [peerAlpn, "h2"],
          });
    files?.onChange((material) => {
      (server as tls.Server).setSecureContext({ ...material, minVersion: minTlsVersion });
    });
    server.maxConnections = limits.maxConnections;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on("tlsClientError", (_error: Error, socket: Socket) => socket.destroy());
    server.on(files === undefined ? "connection" : "secureConnection", (socket: Socket) => {
      socket.setNoDelay(true);
      peekHead(socket, limits.connectTimeoutMs, (head) => this.#sort(socket, head));
    });
    return server;
  }

  #sort(socket: Socket, head: string): void {
    if (head === http2Head) this.#http2.accept(socket);
    else if (head === peerMagic) this.#receiveFrames(socket);
    else {
      this.#faults += 1;
      socket.destroy();
    }
  }

  #receiveFrames(socket: Socket): void {
    const { limits, onFrame, logger } = this.#options;
    const peer = new InboundPeer(socket, limits, {
      greet: (hello, greeter) => this.#greet(hello, greeter),
      onFrame: (fromNode, frame, channel) => {
        try {
          onFrame(fromNode, frame, channel);
        } catch (error) {
          logger.error({ err: error, node: fromNode }, "a frame of another node could not be handled");
        }
      },
      onFault: (fault) => {
        this.#faults += 1;
        logger.warn(
          { node: peer.hello?.node, remote: socket.remoteAddress, fault },
          "cut a connection of a node",
        );
      },
    });
    socket.on("close", () => {
      const node = peer.hello?.node;
      if (node !== undefined && this.#peers.get(node) === peer) this.#peers.delete(node);
    });
    socket.resume();
  }

  #greet(hello: Hello, peer: InboundPeer): { readonly welcome: Buffer } | { readonly refusal: Refusal } {
    const { self, admit, logger, onPeer } = this.#options;
    const refusal = misdirected(hello, self, undefined) ?? admit(hello) ?? this.#outdated(hello);
    if (refusal !== undefined) {
      logger.warn({ node: hello.node, remote: peer.socket.remoteAddress, ...refusal }, "refused a node");
      return { refusal };
    }
    this.#incarnations.set(hello.node, hello.incarnation);
    // A node that dials again has given up its earlier connection, even if this side has not noticed yet.
    this.#peers.get(hello.node)?.destroy();
    this.#peers.set(hello.node, peer);
    onPeer?.(hello.node);
    return { welcome: encodeHello({ ...self, to: hello.node }) };
  }

  #outdated(hello: Hello): Refusal | undefined {
    const latest = this.#incarnations.get(hello.node);
    if (latest === undefined || hello.incarnation >= latest) return undefined;
    return {
      reason: "STALE_INCARNATION",
      message: `node ${hello.node} has been started again since (incarnation ${latest}, this is ${hello.incarnation}); two processes may be using its data`,
    };
  }
}
