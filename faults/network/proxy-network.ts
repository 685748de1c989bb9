/** All nodes on this machine's loopback, with a proxy before each node's peer port. Needs no rights. */
import { createServer } from "node:net";
import { LinkFaults } from "../../packages/cli/src/dev/link-faults.ts";
import { LinkProxy } from "../../packages/cli/src/dev/link-proxy.ts";
import type { FaultNetwork, NodePlace } from "./fault-network.ts";

const host = "127.0.0.1";

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class ProxyNetwork implements FaultNetwork {
  readonly kind = "proxies";
  readonly #faults = new LinkFaults();
  readonly #proxies = new Map<number, LinkProxy>();
  readonly #places = new Map<number, NodePlace>();

  readonly slow = async (from: number, to: number, delayMs: number): Promise<void> => {
    this.#faults.slow(from, to, delayMs);
  };

  async place(node: number): Promise<NodePlace> {
    const known = this.#places.get(node);
    if (known !== undefined) return known;
    const clientPort = await freePort();
    const peerPort = await freePort();
    const listenPort = await freePort();
    const faults = this.#faults;
    this.#proxies.set(node, await LinkProxy.open({ node, listenPort, targetPort: peerPort, faults }));
    const place = { host, clientPort, peerPort, peerAddress: `${host}:${listenPort}`, command: [] };
    this.#places.set(node, place);
    return place;
  }

  async cut(from: number, to: number): Promise<void> {
    this.#faults.cut(from, to);
  }

  async heal(): Promise<void> {
    this.#faults.heal();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
  }
}
