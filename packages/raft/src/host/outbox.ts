import type { Message } from "../core/message.ts";
import type { Section } from "./frame.ts";
import { FrameWriter } from "./frame-codec.ts";

/** What the outbox needs of its host. */
export interface OutboxOptions {
  readonly cluster: number;
  readonly incarnation: number;
  readonly maxFrameBytes: number;
  /** The life of a node as last heard of; 0 when it has not been heard of. */
  readonly lifeOf: (node: number) => number;
  /** Sends a frame; false when it will not arrive. */
  readonly send: (node: number, frame: Uint8Array) => boolean;
  /** A frame to this node could not be sent. */
  readonly undelivered: (node: number) => void;
}

/** Gathers what the groups have to say to each node in a turn, so that it travels in one frame. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #writers = new Map<number, FrameWriter>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  addMessage(node: number, group: number, incarnation: number, message: Message): void {
    this.#writer(node).addMessage(group, incarnation, message);
  }

  add(node: number, section: Exclude<Section, { readonly kind: "message" }>): void {
    this.#writer(node).add(section);
  }

  /** Makes sure that the node hears from this one, if only an empty frame. */
  greet(node: number): void {
    this.#writer(node);
  }

  /** Sends what has gathered. */
  flush(): void {
    for (const [node, writer] of this.#writers) if (writer.begun) this.#send(node, writer);
  }

  #writer(node: number): FrameWriter {
    let writer = this.#writers.get(node);
    if (writer === undefined) {
      writer = new FrameWriter();
      this.#writers.set(node, writer);
    }
    if (writer.begun && writer.length >= this.#options.maxFrameBytes) this.#send(node, writer);
    if (!writer.begun) {
      const { cluster, incarnation, lifeOf } = this.#options;
      writer.begin({ cluster, sender: incarnation, receiver: lifeOf(node) });
    }
    return writer;
  }

  #send(node: number, writer: FrameWriter): void {
    if (!this.#options.send(node, writer.take())) this.#options.undelivered(node);
  }
}
