/**
 * Every node in a network namespace of its own, all joined by one bridge: real sockets, real routes, the kernel's own
 * timeouts. Needs root and the program `ip`.
 *
 * A direction is cut by giving the sender a wrong hardware address for the receiver: packets leave, arrive nowhere, and
 * nobody is told, as when a cable is pulled. A firewall rule would do the same, but not every machine has a firewall.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { FaultNetwork, NodePlace } from "./fault-network.ts";

const run = promisify(execFile);
/** Nobody's hardware address. */
const nowhere = "02:00:00:00:00:ff";
const clientPort = 4100;
const peerPort = 4200;

async function ip(...words: string[]): Promise<string> {
  return (await run("ip", words)).stdout;
}

/** The hardware address of a node, made from its number so that nobody has to ask for it. */
function hardwareAddress(node: number): string {
  return `02:00:00:00:01:${node.toString(16).padStart(2, "0")}`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Removes what runs that were ended from outside could not remove. */
async function removeLeftovers(): Promise<void> {
  const found = `${await ip("netns", "list")}\n${await ip("-o", "link", "show", "type", "bridge")}`;
  for (const [, name = "", pid, part] of found.matchAll(/\b(tf(\d+)(n\d+|b))\b/g)) {
    if (isAlive(Number(pid))) continue;
    // Two runs may do this at the same time.
    await ip(...(part === "b" ? ["link", "delete", name] : ["netns", "delete", name])).catch(() => undefined);
  }
}

export class NamespaceNetwork implements FaultNetwork {
  readonly kind = "namespaces";
  readonly slow = undefined;
  readonly #prefix: string;
  readonly #subnet: string;
  readonly #nodes = new Set<number>();
  readonly #cut = new Set<string>();

  private constructor() {
    // Two runs at the same time must not meet.
    this.#prefix = `tf${process.pid}`;
    this.#subnet = `10.${64 + (Math.floor(process.pid / 250) % 128)}.${process.pid % 250}`;
  }

  /** Whether this process may make namespaces. */
  static async isPossible(): Promise<boolean> {
    const name = `tf${process.pid}probe`;
    try {
      await ip("netns", "add", name);
      await ip("netns", "delete", name);
      return true;
    } catch {
      return false;
    }
  }

  static async open(): Promise<NamespaceNetwork> {
    await removeLeftovers();
    const network = new NamespaceNetwork();
    const bridge = `${network.#prefix}b`;
    await ip("link", "add", bridge, "type", "bridge");
    await ip("address", "add", `${network.#subnet}.254/24`, "dev", bridge);
    await ip("link", "set", bridge, "up");
    return network;
  }

  async place(node: number): Promise<NodePlace> {
    const host = `${this.#subnet}.${node}`;
    const namespace = this.#namespace(node);
    if (!this.#nodes.has(node)) {
      const link = `${this.#prefix}v${node}`;
      await ip("netns", "add", namespace);
      await ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace);
      await ip("link", "set", link, "master", `${this.#prefix}b`, "up");
      await ip("-n", namespace, "link", "set", "eth0", "address", hardwareAddress(node));
      await ip("-n", namespace, "address", "add", `${host}/24`, "dev", "eth0");
      await ip("-n", namespace, "link", "set", "lo", "up");
      await ip("-n", namespace, "link", "set", "eth0", "up");
      this.#nodes.add(node);
    }
    const command = ["ip", "netns", "exec", namespace];
    return { host, clientPort, peerPort, peerAddress: `${host}:${peerPort}`, command };
  }

  async cut(from: number, to: number): Promise<void> {
    this.#cut.add(`${from}>${to}`);
    await this.#route(from, to, nowhere);
  }

  async heal(): Promise<void> {
    for (const pair of this.#cut) {
      const [from, to] = pair.split(">").map(Number) as [number, number];
      await this.#route(from, to, hardwareAddress(to));
    }
    this.#cut.clear();
  }

  async close(): Promise<void> {
    for (const node of this.#nodes) await ip("netns", "delete", this.#namespace(node));
    await ip("link", "delete", `${this.#prefix}b`);
  }

  #namespace(node: number): string {
    return `${this.#prefix}n${node}`;
  }

  #route(from: number, to: number, address: string): Promise<string> {
    const target = `${this.#subnet}.${to}`;
    const words = ["neighbour", "replace", target, "lladdr", address, "dev", "eth0", "nud", "permanent"];
    return ip("-n", this.#namespace(from), ...words);
  }
}
