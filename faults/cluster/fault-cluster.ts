/** A cluster of real processes on this machine, and what can be done to each of them. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { GivenNodeOptions } from "@titan-kv/server";
import {
  type FaultNetwork,
  type NodePlace,
  type NetworkChoice,
  openNetwork,
} from "../network/fault-network.ts";
import { ClusterApi } from "./cluster-api.ts";
import { SmallDisk } from "./small-disk.ts";

/** How long a node may take to start, in milliseconds. */
const startLimitMs = 30_000;
/** Characters of a node's log that are kept, the newest. */
const keptLogCharacters = 64 * 1024;
const repository = join(import.meta.dirname, "../..");

/** What a cluster is made of. */
export interface FaultClusterOptions {
  readonly nodes: number;
  readonly network: NetworkChoice;
  /** Added to what each node is told. */
  readonly options?: GivenNodeOptions;
  /** The repository, or a changed copy of it, whose code the nodes run. Default: this one. */
  readonly source?: string | undefined;
  /** This node keeps its data on a small file system of its own. Needs root. */
  readonly smallDiskOn?: number | undefined;
}

/** One node: where it is, and its process while it runs. */
export interface NodeHandle {
  readonly label: number;
  readonly place: NodePlace;
  readonly address: string;
  readonly directory: string;
  readonly options: GivenNodeOptions;
  /** The number that the cluster knows it by; 0 until it has served. */
  id: number;
  child: ChildProcess | undefined;
  isPaused: boolean;
  /** Whether the process is meant to run. */
  isWanted: boolean;
  /** Whether it was told to leave the cluster. Its process ends by itself when it is out. */
  isLeaving: boolean;
  /** Set while a fault may well end the process. */
  mayEnd: boolean;
  log: string;
}

export class FaultCluster {
  readonly network: FaultNetwork;
  readonly nodes: NodeHandle[] = [];
  /** Ends of processes that nothing of what was done to them explains. */
  readonly unexplainedEnds: string[] = [];
  smallDisk: SmallDisk | undefined;
  readonly #directory: string;
  readonly #options: FaultClusterOptions;

  private constructor(directory: string, network: FaultNetwork, options: FaultClusterOptions) {
    this.#directory = directory;
    this.network = network;
    this.#options = options;
  }

  readonly #endNow = (): void => {
    for (const { child } of this.nodes) child?.kill("SIGKILL");
  };

  /** Founds a cluster and waits until every shard has a leader. */
  static async start(options: FaultClusterOptions): Promise<FaultCluster> {
    const directory = await mkdtemp(join(tmpdir(), "titan-faults-"));
    const cluster = new FaultCluster(directory, await openNetwork(options.network), options);
    // No node may outlive a run that is ended from outside.
    process.once("exit", cluster.#endNow);
    try {
      await cluster.#found();
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  async #found(): Promise<void> {
    const places: NodePlace[] = [];
    const { nodes, smallDiskOn } = this.#options;
    for (let label = 1; label <= nodes; label += 1) places.push(await this.network.place(label));
    const initialNodes = places.map(({ host, clientPort, peerAddress }, index) => {
      return `${index + 1}@${host}:${clientPort}/${peerAddress}`;
    });
    for (const [index, place] of places.entries()) {
      const id = index + 1;
      const handle = this.#add(id, place, { node: { id }, cluster: { initialNodes } });
      if (id === smallDiskOn) this.smallDisk = await SmallDisk.mount(handle.directory, id);
    }
    await Promise.all(this.nodes.map(({ label }) => this.startNode(label)));
    await this.ready();
  }

  /** Asks any node that answers, those that leave last. */
  get api(): ClusterApi {
    const inOrder = this.running.toSorted((a, b) => Number(a.isLeaving) - Number(b.isLeaving));
    return new ClusterApi(inOrder.map(({ address }) => address));
  }

  /** Nodes whose process runs and is not stopped. */
  get running(): NodeHandle[] {
    return this.nodes.filter(({ child, isPaused }) => child !== undefined && !isPaused);
  }

  /** Nodes that belong to the cluster, whether they run or not. */
  get members(): NodeHandle[] {
    return this.nodes.filter(({ isWanted }) => isWanted);
  }

  handle(label: number): NodeHandle {
    const handle = this.nodes.find((each) => each.label === label);
    if (handle === undefined) throw new Error(`there is no node ${label}`);
    return handle;
  }

  /** Starts a node with an empty directory that joins the cluster. */
  async join(): Promise<NodeHandle> {
    const label = this.nodes.length + 1;
    const seeds = this.members.map(({ address }) => address);
    const handle = this.#add(label, await this.network.place(label), { cluster: { join: seeds } });
    await this.startNode(label);
    return handle;
  }

  /** Starts the node's process; rejects with its log when it does not come up. */
  async startNode(label: number): Promise<void> {
    const handle = this.handle(label);
    if (handle.child !== undefined) return;
    handle.isWanted = true;
    // A node that asks to join gives up when nobody answers.
    handle.mayEnd = handle.id === 0;
    const child = this.#spawn(handle);
    handle.child = child;
    child.stderr?.on("data", (chunk: Buffer) => this.#note(handle, chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`node ${label} did not start`)), startLimitMs);
      child.stdout?.on("data", (chunk: Buffer) => {
        const text = chunk.toString();
        this.#note(handle, text);
        const serving = /^\{"serving":(?<id>\d+)\}$/m.exec(text)?.groups?.["id"];
        if (serving === undefined) return;
        handle.id = Number(serving);
        handle.mayEnd = handle.isLeaving;
        clearTimeout(timer);
        resolve();
      });
      child.once("exit", (code, signal) => {
        clearTimeout(timer);
        if (handle.child === child) handle.child = undefined;
        this.#ended(handle, signal ?? `code ${code}`);
        reject(new Error(`node ${label} ended with ${signal ?? code} before it served`));
      });
    });
  }

  /** Ends a process at once, as a crash does. */
  kill(label: number): Promise<void> {
    return this.#end(label, (child) => child.kill("SIGKILL"));
  }

  /** Ends a process cleanly. */
  stop(label: number): Promise<void> {
    return this.#end(label, (child) => child.kill("SIGTERM"));
  }

  /** Ends a process at once; of what it wrote only what it made durable is left. */
  cutPower(label: number): Promise<void> {
    return this.#end(label, (child) => child.send({ powerCut: true }));
  }

  /** Its time stands still. */
  pause(label: number): void {
    const handle = this.handle(label);
    if (handle.child === undefined) return;
    handle.isPaused = true;
    handle.child.kill("SIGSTOP");
  }

  resume(label: number): void {
    const handle = this.handle(label);
    handle.isPaused = false;
    handle.child?.kill("SIGCONT");
  }

  /** Sets what the node's wall clock is wrong by. */
  shiftClock(label: number, clockShiftMs: number): void {
    this.handle(label).child?.send({ clockShiftMs });
  }

  /** Waits until the members that run say that they can serve everything. Returns the milliseconds that took. */
  async ready(limitMs: number = startLimitMs): Promise<number> {
    const began = performance.now();
    for (const { address, label } of this.members) {
      for (;;) {
        const answer = await fetch(`http://${address}/readyz`).catch(() => undefined);
        if (answer?.ok === true) break;
        if (performance.now() - began > limitMs) {
          const reason = answer === undefined ? "no answer" : await answer.text();
          throw new Error(`after ${limitMs} ms node ${label} is not ready: ${reason}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    return performance.now() - began;
  }

  /** Ends every process and removes everything. */
  async close(): Promise<void> {
    process.off("exit", this.#endNow);
    for (const { label, child } of this.nodes) {
      if (child === undefined) continue;
      await this.kill(label);
    }
    await this.smallDisk?.unmount();
    await this.network.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #add(label: number, place: NodePlace, membership: GivenNodeOptions): NodeHandle {
    const directory = join(this.#directory, `node-${label}`);
    const { host, clientPort, peerPort, peerAddress } = place;
    const handle: NodeHandle = {
      label,
      place,
      address: `${host}:${clientPort}`,
      directory,
      options: {
        ...this.#options.options,
        ...membership,
        dataDirectory: directory,
        insecure: true,
        client: { host, port: clientPort },
        peer: { host, port: peerPort, advertisedAddress: peerAddress },
        log: { level: "warn" },
      },
      id: 0,
      child: undefined,
      isPaused: false,
      isWanted: true,
      isLeaving: false,
      mayEnd: false,
      log: "",
    };
    this.nodes.push(handle);
    return handle;
  }

  #spawn({ place, options, directory }: NodeHandle): ChildProcess {
    const own = join(this.#options.source ?? repository, "faults/cluster");
    const preload = (name: string): string => `--import=${pathToFileURL(join(own, name)).href}`;
    const words = [
      ...place.command,
      process.execPath,
      "--conditions=@titan-kv/source",
      "--disable-warning=ExperimentalWarning",
      preload("clock-shift.ts"),
      preload("power-cut.ts"),
      join(own, "node-process.ts"),
      JSON.stringify(options),
    ];
    return spawn(words[0]!, words.slice(1), {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...process.env, TITAN_FAULTS_DIRECTORY: directory },
    });
  }

  async #end(label: number, end: (child: ChildProcess) => void): Promise<void> {
    const handle = this.handle(label);
    const { child } = handle;
    if (child === undefined) return;
    handle.mayEnd = true;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (handle.isPaused) this.resume(label);
    end(child);
    await ended;
  }

  #ended(handle: NodeHandle, how: string): void {
    handle.isPaused = false;
    if (handle.mayEnd) return;
    this.unexplainedEnds.push(`node ${handle.label} ended with ${how}:\n${handle.log.slice(-4000)}`);
  }

  #note(handle: NodeHandle, text: string): void {
    handle.log = (handle.log + text).slice(-keptLogCharacters);
  }
}
