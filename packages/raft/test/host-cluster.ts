import {
  Host,
  type HostEvent,
  type HostLimits,
  type HostTiming,
  type LogStorage,
  MemoryLog,
  type RaftGroup,
  type ReceivedState,
  type StateMachine,
  type StateSnapshot,
  type Transport,
} from "../src/host/index.ts";
import { type Entry, EntryType } from "../src/index.ts";

/** A list of words, in memory or with a pretended disk; a command adds a word and returns how many there are. */
export class WordList implements StateMachine<number> {
  words: string[] = [];
  index = 0;
  /** Whether the list pretends to survive: then `durableIndex` follows `index`. */
  readonly durable: boolean;
  failNext: Error | undefined;
  /** Stops the group; given by the host. */
  stop: ((error: unknown) => void) | undefined;

  constructor(options: { readonly durable: boolean } = { durable: false }) {
    this.durable = options.durable;
  }

  onFailure(stop: (error: unknown) => void): void {
    this.stop = stop;
  }

  appliedIndex(): number {
    return this.durable ? this.index : 0;
  }

  apply(entries: readonly Entry[]): number[] {
    if (this.failNext !== undefined) throw this.failNext;
    return entries.map((entry) => {
      if (entry.index !== this.index + 1 && !(this.index === 0 && entry.index === 2)) {
        throw new Error(`entry ${entry.index} after ${this.index}`);
      }
      this.index = entry.index;
      if (entry.type === EntryType.Normal && entry.data.length > 0)
        this.words.push(new TextDecoder().decode(entry.data));
      return this.words.length;
    });
  }

  snapshot(): StateSnapshot {
    const bytes = new TextEncoder().encode(JSON.stringify({ words: this.words, index: this.index }));
    return {
      async *read(offset) {
        for (let at = offset; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
      },
      close: () => undefined,
    };
  }

  async receive(_metadata: unknown, chunks: AsyncIterable<Uint8Array>): Promise<ReceivedState> {
    let received = "";
    const decoder = new TextDecoder();
    for await (const chunk of chunks) received += decoder.decode(chunk, { stream: true });
    const { words, index }: { words: string[]; index: number } = JSON.parse(received);
    return {
      install: () => {
        this.words = words;
        this.index = index;
      },
      discard: () => undefined,
    };
  }
}

export const fast: HostTiming = { tickMs: 5, heartbeatTicks: 2, electionTicks: 20, proposalTimeoutMs: 3000 };

export interface NodeOptions {
  readonly log?: LogStorage;
  readonly timing?: HostTiming;
  readonly limits?: HostLimits;
}

/** Hosts in one process, and the wires between them. */
export class TestCluster {
  readonly hosts = new Map<number, Host>();
  readonly logs = new Map<number, LogStorage>();
  readonly events: { readonly node: number; readonly event: HostEvent }[] = [];
  limits: HostLimits = {};
  /** Whether a frame goes from one node to another. */
  connected: (from: number, to: number, frame: Uint8Array) => boolean = () => true;

  start(node: number, options: NodeOptions = {}): Host {
    const log = options.log ?? this.logs.get(node) ?? new MemoryLog();
    this.logs.set(node, log);
    const transport: Transport = {
      send: (to, frame) => {
        if (!this.connected(node, to, frame)) return true;
        const host = this.hosts.get(to);
        if (host === undefined) return false;
        setImmediate(() => {
          this.hosts.get(to)?.receive(node, frame);
        });
        return true;
      },
    };
    const host = new Host({
      node,
      cluster: "test",
      log,
      transport,
      timing: options.timing ?? fast,
      limits: { ...this.limits, ...options.limits },
      onEvent: (event) => {
        this.events.push({ node, event });
      },
    });
    this.hosts.set(node, host);
    return host;
  }

  host(node: number): Host {
    const host = this.hosts.get(node);
    if (host === undefined) throw new Error(`node ${node} does not run`);
    return host;
  }

  /** Takes a node away without a word, as a crash does. */
  crash(node: number): void {
    const host = this.hosts.get(node);
    this.hosts.delete(node);
    void host?.stop();
  }

  async stop(): Promise<void> {
    const hosts = [...this.hosts.values()];
    this.connected = () => false;
    await Promise.all(hosts.map((host) => host.stop()));
    this.hosts.clear();
  }
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean, what: string, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

/** The replica that leads, once there is one that everybody in `groups` agrees on. */
export async function leaderOf<Result>(groups: readonly RaftGroup<Result>[]): Promise<RaftGroup<Result>> {
  const found = (): RaftGroup<Result> | undefined => {
    const leaders = groups.filter((group) => group.status().role === "leader");
    const [leader] = leaders;
    const agreed = groups.every((group) => group.status().leader === leader?.replica);
    return leaders.length === 1 && agreed ? leader : undefined;
  };
  await until(() => found() !== undefined, "a leader");
  const leader = found();
  return leader ?? leaderOf(groups);
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** The element at a position that is known to be there. */
export function nth<Value>(values: readonly Value[], position: number): Value {
  const value = values[position];
  if (value === undefined) throw new Error(`there is no element ${position}`);
  return value;
}
