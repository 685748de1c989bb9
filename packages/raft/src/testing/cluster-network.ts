import type { Message } from "../index.ts";

/** Decides about one message. */
export type MessageFilter = (message: Message) => boolean;

/** Messages under way between the replicas of a cluster in memory, in the order sent. */
export class ClusterNetwork {
  readonly #sides = new Map<number, number>();
  #partitioned = false;
  #filters: MessageFilter[] = [];
  #queue: Message[] = [];

  get pending(): number {
    return this.#queue.length;
  }

  send(message: Message): void {
    this.#queue.push(message);
  }

  /** Takes the oldest message; those that cannot arrive are lost. */
  next(): Message | undefined {
    for (let message = this.#queue.shift(); message !== undefined; message = this.#queue.shift()) {
      if (this.#passes(message)) return message;
    }
    return undefined;
  }

  /** From now on messages only pass within a side. A replica that is on no side is alone; without sides all are. */
  partition(sides: readonly (readonly number[])[]): void {
    this.#sides.clear();
    this.#partitioned = true;
    sides.forEach((side, number) => side.forEach((replica) => this.#sides.set(replica, number)));
  }

  /** From now on messages that the filter returns true for are lost. */
  lose(filter: MessageFilter): void {
    this.#filters.push(filter);
  }

  /** Everything passes again. */
  heal(): void {
    this.#sides.clear();
    this.#partitioned = false;
    this.#filters = [];
  }

  /** Takes everything that is under way and that the filter returns true for, to be sent again later, or never. */
  intercept(filter: MessageFilter): Message[] {
    const taken = this.#queue.filter((message) => filter(message));
    this.#queue = this.#queue.filter((message) => !filter(message));
    return taken;
  }

  #passes(message: Message): boolean {
    if (this.#filters.some((filter) => filter(message))) return false;
    if (!this.#partitioned) return true;
    const side = this.#sides.get(message.from);
    return side !== undefined && side === this.#sides.get(message.to);
  }
}
