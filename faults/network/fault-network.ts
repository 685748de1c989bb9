/** Where the nodes of a cluster listen, and what happens to their messages to each other. */
import { NamespaceNetwork } from "./namespace-network.ts";
import { ProxyNetwork } from "./proxy-network.ts";

/** Where one node listens, and how its process is started there. */
export interface NodePlace {
  readonly host: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** Where the other nodes find it, `host:port`. */
  readonly peerAddress: string;
  /** Put before the command that starts the node. */
  readonly command: readonly string[];
}

/** A network between nodes in which directions can be cut. Clients always reach every node. */
export interface FaultNetwork {
  readonly kind: "namespaces" | "proxies";
  /** Prepares the place of a node. Nodes are numbered from 1. */
  place(node: number): Promise<NodePlace>;
  /** Messages from one node no longer arrive at the other, and nobody is told. */
  cut(from: number, to: number): Promise<void>;
  /** Messages from one node arrive at the other this much later; undefined where the network cannot do it. */
  readonly slow: ((from: number, to: number, delayMs: number) => Promise<void>) | undefined;
  /** Everything arrives again, at once. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** Which network to use; `auto` takes namespaces where they can be had. */
export type NetworkChoice = "auto" | "namespaces" | "proxies";

export async function openNetwork(choice: NetworkChoice): Promise<FaultNetwork> {
  const wantsNamespaces =
    choice === "namespaces" || (choice === "auto" && (await NamespaceNetwork.isPossible()));
  return wantsNamespaces ? NamespaceNetwork.open() : new ProxyNetwork();
}
