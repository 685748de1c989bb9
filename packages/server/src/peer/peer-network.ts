import type { PeerChannel } from "./peer-channel.ts";

/** The way to the other nodes, as the node uses it. */
export interface PeerNetwork {
  /** Sends a message and returns at once; false when it is known that it will not arrive. */
  send(node: number, channel: PeerChannel, message: Uint8Array): boolean;
  /** Where a node is; a change replaces the connection. */
  setAddress(node: number, address: string): void;
  /** A node is gone for ever. */
  forget(node: number): void;
  /** Whether there is a connection now. */
  isConnected(node: number): boolean;
  stop(): Promise<void>;
}

/** What the network tells the node. */
export interface PeerListener {
  message(node: number, channel: PeerChannel, message: Uint8Array): void;
  connected(node: number): void;
  disconnected(node: number): void;
}
