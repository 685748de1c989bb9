import type { SecureServerOptions } from "node:http2";
import { connect, type ConnectSettings, type TitanClient } from "../../src/index.ts";
import { FakeNode, type FaultScript } from "./fake-node.ts";
import { FakeShards } from "./fake-shards.ts";

/** Nodes over one state, on ports of this machine. */
export class FakeCluster implements AsyncDisposable {
  readonly shards: FakeShards;
  readonly nodes: readonly FakeNode[];
  readonly #clients: TitanClient<string | Uint8Array, Uint8Array>[] = [];

  private constructor(shards: FakeShards, nodes: readonly FakeNode[]) {
    this.shards = shards;
    this.nodes = nodes;
  }

  static async start(size: {
    nodes: number;
    shards?: number;
    tls?: SecureServerOptions;
  }): Promise<FakeCluster> {
    const shards = new FakeShards(size.shards ?? size.nodes, size.nodes);
    const nodes = Array.from({ length: size.nodes }, (_, index) => new FakeNode(index + 1, shards, size.tls));
    for (const node of nodes) {
      await node.start();
      shards.addresses.set(node.id, node.address);
    }
    return new FakeCluster(shards, nodes);
  }

  node(id: number): FakeNode {
    return this.nodes[id - 1]!;
  }

  get seeds(): string[] {
    return this.nodes.map(({ address }) => address);
  }

  /** Sets the same script on every node. */
  script(script: FaultScript): void {
    for (const node of this.nodes) node.script = script;
  }

  /** Operations that any node has seen. */
  get seen(): number {
    return this.nodes.reduce((sum, { seen }) => sum + seen.length, 0);
  }

  /** A client that is closed with the cluster. */
  async connect(
    settings: Partial<ConnectSettings> = {},
  ): Promise<TitanClient<string | Uint8Array, Uint8Array>> {
    const client = await connect({ seeds: this.seeds, ...settings });
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close();
    for (const node of this.nodes) await node.stop();
  }
}
