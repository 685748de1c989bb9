/** Real nodes on this machine, one process each, for tests that kill, pause and restart them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const entry = join(import.meta.dirname, "real-node.ts");
/** How long a node may take to start, and a cluster to become ready, in milliseconds. */
const startLimitMs = 30_000;

interface RealNode {
  readonly id: number;
  readonly address: string;
  readonly options: object;
  process: ChildProcess | undefined;
  log: string;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export class RealCluster implements AsyncDisposable {
  readonly #directory: string;
  readonly #nodes: readonly RealNode[];

  private constructor(directory: string, nodes: readonly RealNode[]) {
    this.#directory = directory;
    this.#nodes = nodes;
  }

  /** Starts nodes and waits until every shard has a leader. */
  static async start(count: number, options: { client?: object } = {}): Promise<RealCluster> {
    const directory = await mkdtemp(join(tmpdir(), "titan-client-"));
    const ports: number[] = [];
    for (let index = 0; index < count * 2; index += 1) ports.push(await freePort());
    const initialNodes = Array.from({ length: count }, (_, index) => {
      return `${index + 1}@127.0.0.1:${ports[index]}/127.0.0.1:${ports[count + index]}`;
    });
    const nodes = initialNodes.map((_, index): RealNode => {
      const id = index + 1;
      return {
        id,
        address: `127.0.0.1:${ports[index]}`,
        options: {
          dataDirectory: join(directory, `node-${id}`),
          node: { id },
          cluster: { initialNodes },
          client: { host: "127.0.0.1", port: ports[index], ...options.client },
          peer: { host: "127.0.0.1", port: ports[count + index] },
          log: { level: "warn" },
        },
        process: undefined,
        log: "",
      };
    });
    const cluster = new RealCluster(directory, nodes);
    await Promise.all(nodes.map(({ id }) => cluster.startNode(id)));
    await cluster.ready();
    return cluster;
  }

  get seeds(): string[] {
    return this.#nodes.map(({ address }) => address);
  }

  async startNode(id: number): Promise<void> {
    const node = this.#node(id);
    const child = spawn(
      process.execPath,
      [
        "--conditions=@titan-kv/source",
        "--disable-warning=ExperimentalWarning",
        entry,
        JSON.stringify(node.options),
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    node.process = child;
    const keepLog = (chunk: Buffer): void => {
      node.log = (node.log + chunk.toString()).slice(-10_000);
    };
    child.stdout.on("data", keepLog);
    child.stderr.on("data", keepLog);
    const exited = once(child, "exit").then(() => {
      if (node.process === child) node.process = undefined;
      throw new Error(`node ${id} ended:\n${node.log}`);
    });
    const served = new Promise<void>((resolve) => {
      child.stdout.on("data", () => {
        if (node.log.includes("serving\n")) resolve();
      });
    });
    exited.catch(() => undefined);
    await Promise.race([served, exited]);
  }

  /** Ends a process at once, as a crash does, or as an operator does. */
  async kill(id: number, signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    const node = this.#node(id);
    const child = node.process;
    if (child === undefined) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    node.log = "";
  }

  /** Stops a process without ending it: its connections stay open and say nothing. */
  pause(id: number): void {
    this.#node(id).process?.kill("SIGSTOP");
  }

  resume(id: number): void {
    this.#node(id).process?.kill("SIGCONT");
  }

  /** Waits until every node that runs can serve everything. */
  async ready(): Promise<void> {
    const deadlineMs = Date.now() + startLimitMs;
    for (const node of this.#nodes) {
      while (node.process !== undefined) {
        const answer = await fetch(`http://${node.address}/readyz`).catch(() => undefined);
        await answer?.body?.cancel();
        if (answer?.ok === true) break;
        if (Date.now() > deadlineMs) throw new Error(`node ${node.id} is not ready:\n${node.log}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { id } of this.#nodes) {
      this.resume(id);
      await this.kill(id);
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  #node(id: number): RealNode {
    return this.#nodes[id - 1]!;
  }
}
