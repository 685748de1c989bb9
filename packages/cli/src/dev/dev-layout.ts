/**
 * Where a development cluster keeps its nodes and which ports they have: written at the first start, read at every later
 * one, so that the cluster goes on where it stopped and a second terminal finds it.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { localError, usageError } from "../program/cli-error.ts";
import { freePorts } from "./free-ports.ts";

/** One node of the cluster. */
export interface DevNodePlan {
  readonly node: number;
  /** For clients. */
  readonly clientPort: number;
  /** Where the node listens for other nodes. */
  readonly peerPort: number;
  /** Where other nodes believe that it listens: a proxy that can be cut. */
  readonly proxyPort: number;
}

/** What is stored about the cluster. */
export interface DevPlan {
  readonly clusterId: string;
  readonly replicationFactor: number;
  readonly nodes: readonly DevNodePlan[];
}

/** What the user asked for; `undefined` where nothing was said. */
export interface DevWishes {
  readonly nodes?: number | undefined;
  /** First port for clients; 0 takes any that are free. */
  readonly port?: number | undefined;
  readonly replicationFactor?: number | undefined;
}

export const defaultDevDirectory: string = join("titan-data", "dev");
const defaultNodes = 3;
const defaultPort = 4100;
/** More would not fit between the port ranges, nor on anybody's machine. */
const maxNodes = 9;
const peerPortOffset = 100;
const proxyPortOffset = 200;

const planFile = "dev.json";
const format = 1;
/** Unix socket names are limited to about 104 bytes, on every system. */
const maxSocketPathBytes = 100;

/** The directory in which a development cluster lives. */
export class DevDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  /** Data of a node. */
  dataOf(node: number): string {
    return join(this.path, `node-${node}`);
  }

  /** What a node printed. */
  logOf(node: number): string {
    return join(this.path, `node-${node}.log`);
  }

  /** Where the running cluster listens for commands from other terminals. */
  get controlPath(): string {
    const hash = createHash("sha256").update(this.path).digest("hex").slice(0, 16);
    if (process.platform === "win32") return `\\\\.\\pipe\\titan-dev-${hash}`;
    const inside = join(this.path, "control.sock");
    return Buffer.byteLength(inside) <= maxSocketPathBytes
      ? inside
      : join(tmpdir(), `titan-dev-${hash}.sock`);
  }

  /** The stored plan; `undefined` before the first start. */
  async readPlan(): Promise<DevPlan | undefined> {
    const path = join(this.path, planFile);
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw localError(`${path} cannot be read: ${(error as Error).message}`, error);
    }
    try {
      const { format: found, ...plan } = JSON.parse(text) as DevPlan & { format: number };
      if (found === format) return plan;
    } catch {
      // Reported below, as any other content that is not a plan.
    }
    throw localError(
      `${path} is not the plan of a development cluster of this release`,
      undefined,
      `delete ${this.path} to begin with an empty cluster, or use another --dir`,
    );
  }

  /** The stored plan, or a new one that follows the wishes. @throws when wishes contradict the stored plan. */
  async openPlan(wishes: DevWishes): Promise<{ readonly plan: DevPlan; readonly isNew: boolean }> {
    const stored = await this.readPlan();
    if (stored !== undefined) {
      checkWishes(stored, wishes, this.path);
      return { plan: stored, isNew: false };
    }
    const plan = await createPlan(wishes);
    await this.savePlan(plan);
    return { plan, isNew: true };
  }

  async savePlan(plan: DevPlan): Promise<void> {
    const path = join(this.path, planFile);
    await mkdir(this.path, { recursive: true });
    await writeFile(`${path}.new`, `${JSON.stringify({ format, ...plan }, undefined, 2)}\n`);
    await rename(`${path}.new`, path);
  }
}

function differs(wish: number | undefined, is: number | undefined): boolean {
  return wish !== undefined && wish !== is;
}

function checkWishes(stored: DevPlan, wishes: DevWishes, directory: string): void {
  const firstPort = stored.nodes[0]?.clientPort;
  const contradiction =
    (differs(wishes.nodes, stored.nodes.length) && `has ${stored.nodes.length} nodes`) ||
    (wishes.port !== 0 && differs(wishes.port, firstPort) && `begins at port ${firstPort}`) ||
    (differs(wishes.replicationFactor, stored.replicationFactor) &&
      `keeps ${stored.replicationFactor} copies`);
  if (contradiction === false) return;
  throw usageError(
    `the cluster in ${directory} ${contradiction}`,
    "leave the flag out to go on with it, use another --dir, or delete the directory to begin anew",
  );
}

/** The plan of a new cluster. */
async function createPlan(wishes: DevWishes): Promise<DevPlan> {
  const count = wishes.nodes ?? defaultNodes;
  const port = wishes.port ?? defaultPort;
  const replicationFactor = wishes.replicationFactor ?? (count < 3 ? 1 : 3);
  if (!Number.isInteger(count) || count < 1 || count > maxNodes) {
    throw usageError(`--nodes is ${count}; it must be from 1 to ${maxNodes}`);
  }
  if (![1, 3, 5, 7].includes(replicationFactor) || replicationFactor > count) {
    throw usageError(`--replicas is ${replicationFactor}; it must be 1, 3, 5 or 7, and at most --nodes`);
  }
  const ports = port === 0 ? await freePorts(count * 3) : fixedPorts(port, count);
  const nodes = Array.from({ length: count }, (_, index) => ({
    node: index + 1,
    clientPort: ports[index]!,
    peerPort: ports[count + index]!,
    proxyPort: ports[2 * count + index]!,
  }));
  return { clusterId: `dev-${randomBytes(4).toString("hex")}`, replicationFactor, nodes };
}

function fixedPorts(first: number, count: number): number[] {
  const highest = first + proxyPortOffset + count - 1;
  if (!Number.isInteger(first) || first < 1 || highest > 65_535) {
    throw usageError(
      `--port is ${first}; it must be 0 (any free ports), or from 1 to ${65_535 - proxyPortOffset - count}`,
    );
  }
  return [0, peerPortOffset, proxyPortOffset].flatMap((offset) =>
    Array.from({ length: count }, (_, index) => first + offset + index),
  );
}
