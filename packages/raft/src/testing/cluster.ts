import {
  type ConfChange,
  type Message,
  type ProposeResult,
  RaftError,
  type RawNodeConfig,
  type ReadResult,
  type Role,
} from "../index.ts";
import { ClusterNetwork } from "./cluster-network.ts";
import { ClusterNode } from "./cluster-node.ts";
import { describeMessage, type NameOf } from "./describe.ts";
import { MemoryStorage } from "./memory-storage.ts";

/** How a cluster in memory is set up. */
export interface ClusterOptions {
  /** The first voters. */
  readonly voters: readonly number[];
  /** Options of every replica, over the defaults of the harness (election timeout 10 ticks, heartbeat 1). */
  readonly config?: Partial<RawNodeConfig>;
  /** What a replica adds to its election timeout. Default: its id less one, so that the lowest campaigns first. */
  readonly extraElectionTicks?: (replica: number) => number;
  /** How replicas are called in the transcript. Default: by number. */
  readonly nameOf?: NameOf;
}

const electionTick = 10;

/** More rounds of work and delivery than any settling needs; beyond it something goes in circles. */
const maxRounds = 10_000;

/**
 * Replicas of one group in one process, without time of their own: nothing happens but what the caller asks for. Messages
 * are delivered in the order sent. What happens is noted in a transcript.
 */
export class Cluster {
  readonly network: ClusterNetwork = new ClusterNetwork();
  readonly #nodes = new Map<number, ClusterNode>();
  readonly #options: ClusterOptions;
  readonly #nameOf: NameOf;
  #lines: string[] = [];
  #traceMessages = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#nameOf = options.nameOf ?? String;
    for (const id of options.voters) this.#add(id, MemoryStorage.bootstrap(options.voters));
  }

  get nodes(): ClusterNode[] {
    return [...this.#nodes.values()];
  }

  node(id: number): ClusterNode {
    const node = this.#nodes.get(id);
    if (node === undefined)
      throw new RaftError("INVALID_ARGUMENT", `There is no replica ${id} in this cluster.`);
    return node;
  }

  /** A replica with an empty log, to be added to the group by a configuration change. */
  join(id: number): ClusterNode {
    return this.#add(id, new MemoryStorage());
  }

  /** Does everything that is to do, until nothing is. */
  settle(): void {
    for (let round = 0; round < maxRounds; round += 1) {
      let busy = false;
      for (const node of this.#nodes.values()) busy = node.work() || busy;
      busy = this.deliver() || busy;
      if (!busy) return;
    }
    throw new RaftError("INVARIANT", `The cluster is still busy after ${maxRounds} rounds.`);
  }

  /** Delivers the messages under way, and not what they cause. Returns whether there were any. */
  deliver(): boolean {
    const count = this.network.pending;
    for (let position = 0; position < count; position += 1) {
      const message = this.network.next();
      if (message === undefined) break;
      this.hand(message);
    }
    return count > 0;
  }

  /** Hands one message to its receiver, however it came to the caller. */
  hand(message: Message): void {
    const receiver = this.#nodes.get(message.to);
    if (receiver === undefined) return;
    if (this.#traceMessages) this.note(describeMessage(message, this.#nameOf));
    if (message.type === "installSnapshot")
      this.#carrySnapshot(message.from, receiver, message.snapshot.index);
    receiver.raw.step(message);
  }

  /** Lets ticks pass on one replica, settling after each. */
  tick(id: number, count = 1): void {
    for (let passed = 0; passed < count; passed += 1) {
      this.node(id).raw.tick();
      this.settle();
    }
  }

  /** Lets ticks pass on every replica, or on some, settling after each round. */
  tickAll(count = 1, ids: readonly number[] = [...this.#nodes.keys()]): void {
    for (let passed = 0; passed < count; passed += 1) {
      for (const id of ids) this.node(id).raw.tick();
      this.settle();
    }
  }

  /** The replica stands for election now. */
  campaign(id: number): void {
    this.node(id).raw.campaign();
    this.settle();
  }

  /** Proposes texts and settles. */
  propose(id: number, ...texts: readonly string[]): ProposeResult {
    const encoder = new TextEncoder();
    const result = this.node(id).raw.propose(texts.map((text) => encoder.encode(text)));
    this.settle();
    return result;
  }

  /** Proposes a change of membership and settles. */
  change(id: number, change: ConfChange): ProposeResult {
    const result = this.node(id).raw.proposeConfChange(change);
    this.settle();
    return result;
  }

  /** Asks for a read and settles. */
  read(id: number): ReadResult {
    const result = this.node(id).raw.readIndex();
    this.settle();
    return result;
  }

  /** The replicas in a role, ascending. */
  inRole(role: Role): number[] {
    return this.nodes.filter((node) => node.raw.status().role === role).map((node) => node.id);
  }

  /** Whether the transcript tells of each message too. */
  trace(messages: boolean): void {
    this.#traceMessages = messages;
  }

  /** Adds a line to the transcript. */
  note(line: string): void {
    this.#lines.push(line);
  }

  /** The transcript since the last call. */
  transcript(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  #add(id: number, storage: MemoryStorage): ClusterNode {
    const extra = this.#options.extraElectionTicks ?? ((replica: number) => (replica - 1) % electionTick);
    const node = new ClusterNode({
      id,
      storage,
      config: {
        electionTick,
        heartbeatTick: 1,
        randomElectionTicks: () => extra(id),
        ...this.#options.config,
      },
      nameOf: this.#nameOf,
      send: (message) => this.network.send(message),
      note: (line) => this.note(line),
    });
    this.#nodes.set(id, node);
    return node;
  }

  /** In a real system the data stream beside the message. */
  #carrySnapshot(sender: number, receiver: ClusterNode, index: number): void {
    const data = this.#nodes.get(sender)?.snapshotData(index) ?? [];
    receiver.receiveSnapshotData(index, data);
    this.#nodes.get(sender)?.raw.reportSnapshot(receiver.id, "sent");
  }
}
