import type { Clock, Scheduler } from "../src/host/index.ts";

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock and a scheduler that stand still until told to go on. */
export class VirtualTime implements Clock, Scheduler {
  #nowMs = 0;
  #order = 0;
  #tasks: Task[] = [];

  now(): number {
    return this.#nowMs;
  }

  soon(task: () => void): void {
    this.after(0, task);
  }

  after(delayMs: number, task: () => void): () => void {
    this.#order += 1;
    const entry = { atMs: this.#nowMs + delayMs, order: this.#order, run: task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
    };
  }

  /** Lets time pass, and does what is due, in order. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (let tasks = 0; ; tasks++) {
      if (tasks > 1_000_000) throw new Error(`time stands still at ${this.#nowMs} ms`);
      await settle();
      const [next] = this.#tasks.toSorted((one, other) => one.atMs - other.atMs || one.order - other.order);
      if (next === undefined || next.atMs > endMs) break;
      this.#tasks = this.#tasks.filter((task) => task !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = endMs;
  }

  /** Lets time pass as it does for a process that is stopped: nothing is done meanwhile. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }
}

/** Lets promises that are settled already take effect. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
