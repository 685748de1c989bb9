import type { Message } from "../core/message.ts";
import { RaftError } from "../core/raft-error.ts";
import type { Section } from "./frame.ts";
import { FrameReader } from "./frame-codec.ts";
import type { GroupReplica } from "./group-replica.ts";
import type { ResolvedHostOptions } from "./host-options.ts";
import type { Outbox } from "./outbox.ts";
import type { StateReceiver } from "./state-receiver.ts";
import type { StateSender } from "./state-sender.ts";

/** Bytes of frames looked at in one turn; the rest waits for the next, so that a flood does not hold up the disk. */
const maxBytesPerTurn: number = 8 << 20;

/** What the inbox needs of its host. */
export interface InboxOptions {
  readonly host: ResolvedHostOptions;
  readonly cluster: number;
  readonly outbox: Outbox;
  readonly replicaOf: (group: number) => GroupReplica | undefined;
  /** Whether the log has as much to write as it may. */
  readonly logIsFull: () => boolean;
  readonly sender: StateSender;
  readonly receiver: StateReceiver;
}

/** Frames that have arrived, and what is known of the nodes they came from. */
export class Inbox {
  readonly #options: InboxOptions;
  #frames: { readonly node: number; readonly frame: Uint8Array }[] = [];
  #head = 0;
  #bytes = 0;
  /** The life of each node as last heard of. */
  readonly #lives = new Map<number, number>();
  readonly #heardMs = new Map<number, number>();

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Bytes of frames not looked at yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The life of a node as last heard of; 0 when it has not been heard of. */
  lifeOf(node: number): number {
    return this.#lives.get(node) ?? 0;
  }

  /** When a node was heard of last. */
  lastHeardMs(node: number): number {
    return this.#heardMs.get(node) ?? Number.NEGATIVE_INFINITY;
  }

  /** Takes a frame; returns false when there is no room for it. */
  push(node: number, frame: Uint8Array): boolean {
    const { limits, metrics } = this.#options.host;
    metrics.count("framesReceived", 1);
    metrics.count("frameBytesReceived", frame.length);
    // A single frame is taken whatever its size: else one that is larger than the limit would never arrive.
    if (this.#bytes > 0 && this.#bytes + frame.length > limits.maxInboxBytes) {
      metrics.count("framesDropped", 1);
      return false;
    }
    this.#frames.push({ node, frame });
    this.#bytes += frame.length;
    return true;
  }

  /** Looks at what has arrived, up to a number of bytes. */
  drain(): void {
    let budget = maxBytesPerTurn;
    while (this.#head < this.#frames.length && budget > 0) {
      const next = this.#frames[this.#head];
      this.#head += 1;
      if (next === undefined) break;
      this.#bytes -= next.frame.length;
      budget -= next.frame.length;
      this.#read(next.node, next.frame);
    }
    if (this.#head === this.#frames.length) {
      this.#frames = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    }
  }

  #read(node: number, frame: Uint8Array): void {
    const { metrics } = this.#options.host;
    try {
      const reader = new FrameReader(frame);
      if (!this.#isForThisLife(node, reader.header)) {
        metrics.count("framesDropped", 1);
        return;
      }
      for (let section = reader.next(); section !== undefined; section = reader.next()) {
        this.#dispatch(node, section);
      }
    } catch (error) {
      // Bytes from the network may be anything. What was read before the damage stands on its own.
      if (!(error instanceof RaftError) || error.code !== "MALFORMED") throw error;
      metrics.count("framesDropped", 1);
    }
  }

  #isForThisLife(
    node: number,
    header: { readonly cluster: number; readonly sender: number; readonly receiver: number },
  ): boolean {
    if (header.cluster !== this.#options.cluster) return false;
    this.#lives.set(node, header.sender);
    this.#heardMs.set(node, this.#options.host.clock.now());
    if (header.receiver === 0 || header.receiver === this.#options.host.incarnation) return true;
    // The sender means an earlier life of this node, and would go on doing so if it heard nothing.
    this.#options.outbox.greet(node);
    return false;
  }

  #dispatch(node: number, section: Section): void {
    const { host, replicaOf, sender, receiver } = this.#options;
    const address = section.kind === "message" ? section.message : section;
    const replica = replicaOf(section.group);
    if (
      replica === undefined ||
      replica.failure !== undefined ||
      replica.incarnation !== section.incarnation ||
      replica.replica !== address.to ||
      host.nodeOf(address.from) !== node
    ) {
      host.metrics.count("messagesDropped", 1);
      return;
    }
    switch (section.kind) {
      case "message":
        if (this.#isAcceptable(section.message)) replica.step(section.message);
        else host.metrics.count("messagesDropped", 1);
        return;
      case "quiet":
        replica.leaderFellSilent(section);
        return;
      case "stateRequest":
        if (!replica.pipeline.held) sender.sendState(replica, section.from);
        return;
      case "offer":
        receiver.offered(node, replica, section);
        return;
      case "chunk":
        receiver.chunk(node, section);
        return;
      case "acknowledgement":
        sender.acknowledged(section);
    }
  }

  #isAcceptable(message: Message): boolean {
    // A snapshot comes as a transfer, with its data; without them it would stop the group.
    if (message.type === "installSnapshot") return false;
    // A leader sends what was lost again, and no faster than it is answered: that is what slows it down.
    return message.type !== "appendRequest" || message.entries.length === 0 || !this.#options.logIsFull();
  }
}
