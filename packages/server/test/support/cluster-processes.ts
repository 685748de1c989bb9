/** A cluster of real processes on this machine, for tests that kill, pause and restart them. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultPortLimits } from "../../src/http/port-limits.ts";
import { defaultPeerLimits } from "../../src/peer/peer-limits.ts";
import { defaultRequestLimits } from "../../src/kv/request-limits.ts";
import type { Membership, NodeSettings } from "../../src/node/node-settings.ts";

const entry = join(import.meta.dirname, "node-process.ts");
/** How long a node may take to start, and a cluster to become ready, in milliseconds. */
const startLimitMs = 30_000;

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** One node of the cluster: where it is, and its process while it runs. */
export interface NodeHandle {
  readonly node: number;
  readonly settings: NodeSettings;
  child: ChildProcess | undefined;
  /** What it printed to its log, for a test that fails. */
  log: string;
}

function portOf(address: string): number {
  return Number(address.split(":")[1]);
}

export type SettingsChange = Partial<NodeSettings>;

export class ClusterProcesses {
  readonly directory: string;
  readonly nodes: NodeHandle[] = [];
  readonly #change: SettingsChange;

  private constructor(directory: string, change: SettingsChange) {
    this.directory = directory;
    this.#change = change;
  }

  /** Starts `count` founders and waits until every shard has a leader. */
  static async start(count: number, change: SettingsChange = {}): Promise<ClusterProcesses> {
    const cluster = new ClusterProcesses(await mkdtemp(join(tmpdir(), "titan-cluster-")), change);
    const ports = await freePorts(count * 2);
    const founders = Array.from({ length: count }, (_, index) => ({
      node: index + 1,
      address: `127.0.0.1:${ports[index * 2]}`,
      peerAddress: `127.0.0.1:${ports[index * 2 + 1]}`,
      zone: "",
      weight: 1,
    }));
    for (const { node, address, peerAddress } of founders) {
      cluster.#add(node, { address, peerAddress, membership: { type: "found", node, founders } });
    }
    await Promise.all(cluster.nodes.map((handle) => cluster.startNode(handle.node)));
    await cluster.ready();
    return cluster;
  }

  /** Starts a node with an empty directory that joins the cluster. `label` numbers its handle. */
  async join(label: number): Promise<NodeHandle> {
    const [client, peer] = await freePorts(2);
    const seeds = this.nodes.filter(({ child }) => child !== undefined).map(({ node }) => this.address(node));
    const handle = this.#add(label, {
      address: `127.0.0.1:${client}`,
      peerAddress: `127.0.0.1:${peer}`,
      membership: { type: "join", seeds },
    });
    await this.startNode(label);
    return handle;
  }

  handle(node: number): NodeHandle {
    const handle = this.nodes.find((each) => each.node === node);
    if (handle === undefined) throw new Error(`there is no node ${node}`);
    return handle;
  }

  address(node: number): string {
    const { host, port } = this.handle(node).settings.client;
    return `${host}:${port}`;
  }

  /** Starts the node's process; rejects with its log when it does not come up. */
  async startNode(node: number): Promise<void> {
    const handle = this.handle(node);
    const child = spawn(
      process.execPath,
      [
        "--conditions=@titan-kv/source",
        "--disable-warning=ExperimentalWarning",
        entry,
        JSON.stringify(handle.settings),
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    handle.child = child;
    child.stderr.on("data", (chunk: Buffer) => (handle.log += chunk.toString()));
    child.once("exit", () => {
      if (handle.child === child) handle.child = undefined;
    });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`node ${node} did not start:\n${handle.log}`)),
        startLimitMs,
      );
      child.stdout.once("data", () => {
        clearTimeout(timer);
        resolve();
      });
      child.once("exit", (code) => {
        clearTimeout(timer);
        reject(new Error(`node ${node} ended with ${code}:\n${handle.log}`));
      });
    });
  }

  /** Ends a process at once, as a crash does. */
  async kill(node: number): Promise<void> {
    await this.#signal(node, "SIGKILL");
  }

  /** Ends a process cleanly. */
  async stopNode(node: number): Promise<void> {
    await this.#signal(node, "SIGTERM");
  }

  pause(node: number): void {
    this.handle(node).child?.kill("SIGSTOP");
  }

  resume(node: number): void {
    this.handle(node).child?.kill("SIGCONT");
  }

  /** Waits until the nodes that run say that they can serve everything. */
  async ready(nodes: readonly number[] = this.nodes.map(({ node }) => node)): Promise<void> {
    const deadline = Date.now() + startLimitMs;
    for (const node of nodes) {
      for (;;) {
        const answer = await fetch(`http://${this.address(node)}/readyz`).catch(() => undefined);
        if (answer?.ok === true) break;
        if (Date.now() > deadline) {
          const reason = answer === undefined ? "no answer" : await answer.text();
          throw new Error(`node ${node} is not ready: ${reason}\n${this.handle(node).log}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Calls a method of the API with JSON, as curl does. */
  async call(
    node: number,
    method: string,
    body: unknown,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`http://${this.address(node)}/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  async stop(): Promise<void> {
    for (const { node, child } of this.nodes) {
      if (child === undefined) continue;
      child.kill("SIGCONT");
      await this.#signal(node, "SIGKILL");
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #add(node: number, fields: { address: string; peerAddress: string; membership: Membership }): NodeHandle {
    const handle: NodeHandle = {
      node,
      child: undefined,
      log: "",
      settings: {
        directory: join(this.directory, `node-${node}`),
        clusterId: "test",
        membership: fields.membership,
        client: { host: "127.0.0.1", port: portOf(fields.address), advertised: undefined, tls: undefined },
        peer: { host: "127.0.0.1", port: portOf(fields.peerAddress), advertised: undefined, tls: undefined },
        peerServerName: undefined,
        allowedOrigins: [],
        zone: "",
        weight: 1,
        replicationFactor: 3,
        durability: "always",
        syncIntervalMs: 100,
        timing: {},
        limits: defaultRequestLimits,
        maxScanPageEntries: 1000,
        maxPendingOperations: 65_536,
        maxProposalBytes: 256 * 1024 * 1024,
        portLimits: defaultPortLimits,
        peerLimits: defaultPeerLimits,
        stopGraceMs: 5000,
        leaseReads: false,
        maxClockDriftPercent: 5,
        defaultTimeoutMs: 5000,
        maxTimeoutMs: 60_000,
        readRepairShare: 0,
        verifyIntervalMs: 60_000,
        digestIntervalMs: 600_000,
        metricsEnabled: true,
        ...this.#change,
      },
    };
    this.nodes.push(handle);
    return handle;
  }

  async #signal(node: number, signal: NodeJS.Signals): Promise<void> {
    const { child } = this.handle(node);
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }
}
