import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import tls from "node:tls";
import { Http2ClientSession } from "../http/http2-client-session.ts";
import { minTlsVersion } from "../http/tls-files.ts";
import type { PeerIdentity } from "./hello.ts";
import { identityInterceptor } from "./peer-credentials.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { PeerAddress, PeerTls } from "./peer-link.ts";

interface Client {
  readonly session: Http2ClientSession;
  readonly transport: Transport;
}

/** Transports for the services of other nodes, one per node, connected when they are used. */
export class PeerClients {
  readonly #self: PeerIdentity;
  readonly #tls: PeerTls | undefined;
  readonly #limits: PeerLimits;
  readonly #clients = new Map<number, Client>();

  constructor(self: PeerIdentity, security: PeerTls | undefined, limits: PeerLimits) {
    this.#self = self;
    this.#tls = security;
    this.#limits = limits;
  }

  get(node: number): Transport | undefined {
    return this.#clients.get(node)?.transport;
  }

  setAddress(node: number, address: PeerAddress): void {
    this.forget(node);
    this.#clients.set(node, this.#create(address));
  }

  forget(node: number): void {
    this.#clients.get(node)?.session.destroy();
    this.#clients.delete(node);
  }

  #create(address: PeerAddress): Client {
    const host = address.host.includes(":") ? `[${address.host}]` : address.host;
    const baseUrl = `${this.#tls === undefined ? "http" : "https"}://${host}:${address.port}`;
    const session = new Http2ClientSession(
      baseUrl,
      this.#limits,
      this.#tls === undefined ? {} : { createConnection: () => this.#secure(address, this.#tls!) },
    );
    const transport = createGrpcTransport({
      baseUrl,
      sessionManager: session,
      interceptors: [identityInterceptor(this.#self)],
      acceptCompression: [],
    });
    return { session, transport };
  }

  /** Made anew for each connection, so that a replaced certificate is used by the next one. */
  #secure(address: PeerAddress, { files, serverName }: PeerTls): tls.TLSSocket {
    return tls.connect({
      host: address.host,
      port: address.port,
      secureContext: files.context,
      minVersion: minTlsVersion,
      ALPNProtocols: ["h2"],
      ...(serverName === undefined ? {} : { servername: serverName }),
    });
  }
}
