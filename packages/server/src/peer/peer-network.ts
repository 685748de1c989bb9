import type { ConnectRouter, Transport } from "@connectrpc/connect";
import type { PeerChannel } from "./peer-channel.ts";
import type { PeerStatus } from "./peer-transport.ts";

/** The way to the other nodes, as the node uses it. */
export interface PeerNetwork {
  /** Where others reach this node, `host:port`. */
  readonly address: string;
  /** Sends a message and returns at once; false when it is known that it will not arrive. */
  send(node: number, channel: PeerChannel, message: Uint8Array): boolean;
  /** Where a node is; a change replaces the connection. */
  setAddress(node: number, address: string): void;
  /** A node is gone for ever. */
  forget(node: number): void;
  /** Whether there is a connection now. */
  isConnected(node: number): boolean;
  /** For calls of `PeerService`; `undefined` for a node without address. */
  service(node: number): Transport | undefined;
  /** How every known node is reached. */
  status(): PeerStatus[];
  stop(): Promise<void>;
}

/** What the network tells the node. */
export interface PeerListener {
  message(node: number, channel: PeerChannel, message: Uint8Array): void;
  connected(node: number): void;
  disconnected(node: number): void;
  /** Another node does not let this one in, and will not change its mind: this node has no place in the cluster. */
  expelled(reason: string): void;
}

/** What a network is opened with: the parts of a node need the network before the node is complete. */
export interface NetworkFields {
  readonly listener: () => PeerListener | undefined;
  readonly routes: (router: ConnectRouter) => void;
}
