/** Three nodes of Titan-KV as their users run them: `titan server`, compiled, with the defaults of every option. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type ChildProcesses, untimelyEnd } from "../child-processes.ts";
import { freePorts } from "../free-ports.ts";
import { poll } from "../poll.ts";
import { type RunningSystem, startLimitMs } from "./system.ts";

/** The compiled program; `tsc -b packages/cli` writes it. */
export const titanProgram: string = join(import.meta.dirname, "../../../packages/cli/dist/main.js");

const nodeCount = 3;
/** How long a node may take to stop cleanly, in milliseconds; it writes its profile then. */
const stopGraceMs = 15_000;

export interface TitanClusterOptions {
  /** Arguments of Node.js for one node, such as those of a profiler. */
  readonly nodeArguments?: (node: number) => readonly string[];
  /** More options of `titan server`, for every node. */
  readonly flags?: readonly string[];
}

interface Shard {
  readonly id: number;
  readonly leader?: number;
}

async function call<T>(endpoint: string, method: string): Promise<T> {
  const response = await fetch(`http://${endpoint}/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  if (!response.ok) throw new Error(`${endpoint}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Which node leads which shard, as one node tells. */
export async function leadersOf(endpoint: string): Promise<ReadonlyMap<number, number>> {
  const { topology } = await call<{ topology: { shards: readonly Shard[] } }>(
    endpoint,
    "titan.cluster.v1.ClusterService/GetTopology",
  );
  return new Map(topology.shards.map(({ id, leader = 0 }) => [id, leader]));
}

/** Starts the nodes and waits until each of them leads a shard, as they will for the rest of their time. */
export async function startTitan(
  processes: ChildProcesses,
  { nodeArguments = () => [], flags = [] }: TitanClusterOptions = {},
): Promise<RunningSystem> {
  const directory = join(processes.directory, "titan");
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const ports = await freePorts(nodeCount * 2);
  const nodes = Array.from({ length: nodeCount }, (_none, index) => ({
    id: index + 1,
    client: ports[index * 2]!,
    peer: ports[index * 2 + 1]!,
  }));
  const initial = nodes
    .map(({ id, client, peer }) => `${id}@127.0.0.1:${client}/127.0.0.1:${peer}`)
    .join(",");
  const endpoints = nodes.map(({ client }) => `127.0.0.1:${client}`);
  const children = nodes.map(({ id, client, peer }) => {
    const logFile = join(directory, `node-${id}.log`);
    const child = processes.start({
      command: process.execPath,
      args: [
        ...nodeArguments(id),
        titanProgram,
        "server",
        `--data-directory=${join(directory, `node-${id}`)}`,
        `--node-id=${id}`,
        `--cluster-initial-nodes=${initial}`,
        `--client-port=${client}`,
        `--peer-port=${peer}`,
        "--log-level=warn",
        ...flags,
      ],
      logFile,
    });
    return { child, failed: untimelyEnd(child, `node ${id}`, logFile) };
  });
  const failed = Promise.race(children.map((each) => each.failed));
  failed.catch(() => undefined);
  for (const each of children) each.failed.catch(() => undefined);
  await Promise.race([failed, Promise.all(endpoints.map(settled))]);
  return {
    endpoints,
    pids: children.map(({ child }) => child.pid!),
    stop: async () => {
      await Promise.all(children.map(({ child }) => processes.end(child, stopGraceMs)));
    },
  };
}

async function settled(endpoint: string): Promise<void> {
  await poll(`${endpoint}: a shard led by each node`, startLimitMs, async () => {
    const leaders = new Set((await leadersOf(endpoint)).values());
    leaders.delete(0);
    return leaders.size === nodeCount ? true : undefined;
  });
}
