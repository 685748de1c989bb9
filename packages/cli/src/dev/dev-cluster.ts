/** A cluster of real nodes on this machine: one process each, real directories, and a network that can be cut. */
import { mkdir } from "node:fs/promises";
import { localError } from "../program/cli-error.ts";
import type { DevAction, DevStatus } from "./control-protocol.ts";
import type { DevDirectory, DevNodePlan, DevPlan } from "./dev-layout.ts";
import { DevProcess } from "./dev-process.ts";
import { LinkFaults } from "./link-faults.ts";
import { LinkProxy } from "./link-proxy.ts";
import { letterOf, parseCut, parseNodes } from "./node-names.ts";

const host = "127.0.0.1";
/** How long a cluster may take until every shard has a leader, in milliseconds. */
const readyLimitMs = 60_000;
const readyPollMs = 50;
const probeLimitMs = 2000;

/** What a cluster is made of. */
export interface DevClusterOptions {
  readonly directory: DevDirectory;
  readonly plan: DevPlan;
  /** Something happened that nobody asked for. */
  readonly onEvent: (text: string) => void;
}

export class DevCluster {
  readonly plan: DevPlan;
  readonly faults: LinkFaults = new LinkFaults();
  readonly #directory: DevDirectory;
  readonly #processes: DevProcess[];
  #proxies: LinkProxy[] = [];

  constructor({ directory, plan, onEvent }: DevClusterOptions) {
    this.#directory = directory;
    this.plan = plan;
    this.#processes = plan.nodes.map(
      (node) =>
        new DevProcess({
          node: node.node,
          flags: () => this.#flags(node),
          logFile: directory.logOf(node.node),
          onLost: (process, reason) =>
            onEvent(
              `node ${process.node} (${letterOf(process.node)}) ${reason}; start it with \`titan dev restart ${process.node}\``,
            ),
        }),
    );
  }

  /** Numbers of the nodes. */
  get nodes(): number[] {
    return this.plan.nodes.map(({ node }) => node);
  }

  /** Where a node serves clients. */
  address(node: number): string {
    return `${host}:${this.#planOf(node).clientPort}`;
  }

  /** Opens the network and starts every node; resolves when all of them serve. */
  async start(): Promise<void> {
    await mkdir(this.#directory.path, { recursive: true });
    try {
      this.#proxies = await Promise.all(
        this.plan.nodes.map(({ node, proxyPort, peerPort }) =>
          LinkProxy.open({ node, listenPort: proxyPort, targetPort: peerPort, faults: this.faults }),
        ),
      );
    } catch (error) {
      throw localError(
        `a port of the cluster is taken: ${(error as Error).message}`,
        error,
        "stop what uses it (perhaps another development cluster), or use another --dir with another --port",
      );
    }
    const started = await Promise.allSettled(this.#processes.map((process) => process.start()));
    const failure = started.find((each) => each.status === "rejected");
    if (failure !== undefined) {
      await this.stop();
      throw localError((failure.reason as Error).message, failure.reason);
    }
  }

  /** Resolves when every shard has a leader, as far as the running nodes know. @throws with their reasons after a minute. */
  async ready(): Promise<void> {
    const deadlineMs = performance.now() + readyLimitMs;
    for (const process of this.#processes) {
      for (;;) {
        if (process.state !== "running") break;
        // oxlint-disable-next-line no-await-in-loop -- one after the other, until it is ready
        const reason = await unreadyReason(this.address(process.node));
        if (reason === undefined) break;
        if (performance.now() > deadlineMs) {
          throw localError(
            `node ${process.node} is not ready: ${reason}`,
            undefined,
            `its log is ${this.#directory.logOf(process.node)}`,
          );
        }
        // oxlint-disable-next-line no-await-in-loop -- waiting is the purpose
        await new Promise((resolve) => setTimeout(resolve, readyPollMs));
      }
    }
  }

  /** Stops every node cleanly, then the network. The data stays. */
  async stop(): Promise<void> {
    this.faults.heal();
    await Promise.all(this.#processes.map((process) => process.stop()));
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }

  status(): DevStatus {
    return {
      directory: this.#directory.path,
      nodes: this.#processes.map(({ node, state, pid }) => ({
        node,
        name: letterOf(node),
        state,
        pid,
        address: this.address(node),
        log: this.#directory.logOf(node),
      })),
      cut: this.faults.directions,
    };
  }

  /** Does what was asked and says what was done. @throws CliError when it makes no sense. */
  async perform(action: Exclude<DevAction, "stop">, words: readonly string[]): Promise<string> {
    switch (action) {
      case "status":
        return "";
      case "heal":
        this.faults.heal();
        return "the network is whole";
      case "partition":
        return this.#partition(words);
      case "kill":
      case "pause":
      case "resume":
      case "restart": {
        const nodes = parseNodes(words, this.nodes);
        const done = await Promise.all(nodes.map((node) => this.#change(action, node)));
        return done.join("\n");
      }
    }
  }

  #partition(words: readonly string[]): string {
    const cut = parseCut(words, this.nodes);
    if (cut.type === "groups") {
      this.faults.partition(cut.groups, this.nodes);
      const named = new Set(cut.groups.flat());
      const rest = this.nodes.filter((node) => !named.has(node));
      const sides = rest.length === 0 ? cut.groups : [...cut.groups, rest];
      return `cut: ${sides.map((side) => `[${side.map(letterOf).join(",")}]`).join(" | ")}`;
    }
    for (const from of cut.from) {
      for (const to of cut.to) if (from !== to) this.faults.cut(from, to);
    }
    return `cut one way: ${cut.from.map(letterOf).join(",")} > ${cut.to.map(letterOf).join(",")}`;
  }

  async #change(action: "kill" | "pause" | "resume" | "restart", node: number): Promise<string> {
    const process = this.#processes.find((each) => each.node === node)!;
    const name = `node ${node} (${letterOf(node)})`;
    switch (action) {
      case "kill":
        if (process.pid === undefined) return `${name} was not running`;
        await process.kill();
        return `${name} killed; start it again with \`titan dev restart ${node}\``;
      case "pause":
        return process.pause() ? `${name} paused` : `${name} is ${process.state}, not running`;
      case "resume":
        return process.resume() ? `${name} goes on` : `${name} is ${process.state}, not paused`;
      case "restart":
        await process.stop();
        try {
          await process.start();
        } catch (error) {
          throw localError((error as Error).message, error);
        }
        return `${name} started`;
    }
  }

  #planOf(node: number): DevNodePlan {
    return this.plan.nodes.find((each) => each.node === node)!;
  }

  #flags({ node, clientPort, peerPort, proxyPort }: DevNodePlan): string[] {
    const { clusterId, replicationFactor, nodes } = this.plan;
    const founders = nodes.map((each) => `${each.node}@${host}:${each.clientPort}/${host}:${each.proxyPort}`);
    const options = {
      "data-directory": this.#directory.dataOf(node),
      "cluster-id": clusterId,
      "cluster-replication-factor": replicationFactor,
      "cluster-initial-nodes": founders.join(","),
      "node-id": node,
      "client-port": clientPort,
      "peer-port": peerPort,
      "peer-advertised-address": `${host}:${proxyPort}`,
      "log-level": "warn",
    };
    return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  }
}

async function unreadyReason(address: string): Promise<string | undefined> {
  try {
    const answer = await fetch(`http://${address}/readyz`, { signal: AbortSignal.timeout(probeLimitMs) });
    return answer.ok ? undefined : (await answer.text()).trim();
  } catch (error) {
    return (error as Error).message;
  }
}
