/** What a node uses to reach the others: frames for consensus, a transport for the services. */
import type { Transport } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { Admit, PeerIdentity, Refusal } from "./hello.ts";
import { PeerClients } from "./peer-clients.ts";
import type { PeerLimits } from "./peer-limits.ts";
import { type LinkChange, type LinkCounters, type PeerAddress, PeerLink, type PeerTls } from "./peer-link.ts";

/** What a transport needs. */
export interface PeerTransportOptions {
  /** Who this node is. */
  readonly self: PeerIdentity;
  readonly tls?: PeerTls | undefined;
  readonly limits: PeerLimits;
  /** Judges the nodes that answer: without it a node could be impersonated to those that dial it. */
  readonly admit: Admit;
  /** Called when the connection to a node is made, fails, or is refused by either side. */
  readonly onStateChange?: (node: number, change: LinkChange) => void;
  readonly logger: Logger;
}

/** How one other node is reached. */
export interface PeerStatus {
  readonly node: number;
  readonly address: string;
  readonly connected: boolean;
  /** Smoothed, in milliseconds; `undefined` without a connection. */
  readonly roundTripMs: number | undefined;
  readonly queuedBytes: number;
  readonly counters: Readonly<LinkCounters>;
  /** Why the last attempt was refused; `undefined` when it was not. */
  readonly refusal: Refusal | undefined;
}

/** Reads `host:port`, also `[::1]:4200`. @throws TypeError when it is neither. */
export function parsePeerAddress(text: string): PeerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new TypeError(`the address ${JSON.stringify(text)} is not host:port with a port from 1 to 65535`);
  }
  return { host, port };
}

/** Connections to the other nodes of the cluster. Sending is fire and forget: consensus repeats what matters. */
export class PeerTransport {
  readonly #options: PeerTransportOptions;
  readonly #links = new Map<number, PeerLink>();
  readonly #refusals = new Map<number, Refusal>();
  readonly #clients: PeerClients;

  constructor(options: PeerTransportOptions) {
    this.#options = options;
    this.#clients = new PeerClients(options.self, options.tls, options.limits);
  }

  /**
   * Hands a frame over for a node. The bytes must not change any more. Returns false when the frame was dropped at once:
   * the node is not known, not connected, too far behind, or the frame is larger than `maxFrameBytes`. True does not
   * mean that it will arrive. The receiver is told the channel, 0 to 15; frames of all channels arrive in order.
   */
  send(node: number, frame: Uint8Array, channel = 0): boolean {
    return this.#links.get(node)?.send(frame, channel) ?? false;
  }

  /** Where a node is. The connection is made at once, and made anew when the address changes. */
  setAddress(node: number, address: string): void {
    const parsed = parsePeerAddress(address);
    const known = this.#links.get(node);
    if (known?.address.host === parsed.host && known.address.port === parsed.port) return;
    known?.close();
    this.#clients.setAddress(node, parsed);
    const link = new PeerLink({
      self: this.#options.self,
      node,
      address: parsed,
      tls: this.#options.tls,
      limits: this.#options.limits,
      admit: this.#options.admit,
      onChange: (change) => {
        if (this.#links.get(node) === link) this.#changed(node, change);
      },
    });
    this.#links.set(node, link);
  }

  /** Closes the connection to a node for good. */
  forget(node: number): void {
    this.#links.get(node)?.close();
    this.#links.delete(node);
    this.#refusals.delete(node);
    this.#clients.forget(node);
  }

  /** Dials a node that has just been heard of, if the transport was waiting to try again. */
  wake(node: number): void {
    this.#links.get(node)?.wake();
  }

  /** Whether frames for the node have a connection to go to. */
  isConnected(node: number): boolean {
    return this.#links.get(node)?.connected ?? false;
  }

  /**
   * For calls of the services between nodes, over connections of their own. The calls carry this node's identity.
   * @returns `undefined` when the node has no address.
   */
  client(node: number): Transport | undefined {
    return this.#clients.get(node);
  }

  /** How every known node is reached. */
  status(): PeerStatus[] {
    return [...this.#links].map(([node, link]) => ({
      node,
      address: `${link.address.host}:${link.address.port}`,
      connected: link.connected,
      roundTripMs: link.roundTripMs,
      queuedBytes: link.queuedBytes,
      counters: { ...link.counters },
      refusal: this.#refusals.get(node),
    }));
  }

  /** Closes every connection. What has not been sent is dropped. */
  stop(): void {
    for (const node of this.#links.keys()) this.forget(node);
  }

  #changed(node: number, change: LinkChange): void {
    const { logger, onStateChange } = this.#options;
    if (change.to === "refused") {
      this.#refusals.set(node, change.refusal);
      logger.warn({ node, ...change.refusal }, "refused by, or refusing, a node");
    } else if (change.to === "connected") {
      this.#refusals.delete(node);
      logger.info({ node, incarnation: change.incarnation }, "connected to a node");
    } else logger.debug({ node, error: change.error }, "no connection to a node");
    onStateChange?.(node, change);
  }
}
