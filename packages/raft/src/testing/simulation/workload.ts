import type { RegisterInput } from "../linearizability/index.ts";
import type { History, OpenOperation } from "./history.ts";
import type { Random } from "./random.ts";
import { encodeCommand } from "./register-machine.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Swarm } from "./swarm.ts";
import type { Timeline } from "./timeline.ts";

/** A client that hears nothing for so long goes on without an answer. */
const patienceMs = 150;

/**
 * Clients that use registers, each one operation after the other. They find the leader by trying, and they never repeat an
 * operation: each value is written at most once, so that a read tells which write it saw.
 */
export class Workload {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #swarm: Swarm;
  readonly #nodes: readonly SimulatedProcess[];
  readonly #history: History;
  /** Where each client sends its next operation. */
  readonly #targets = new Map<number, SimulatedProcess>();
  #values = 0;
  #running = true;

  constructor(options: {
    timeline: Timeline;
    random: Random;
    swarm: Swarm;
    nodes: readonly SimulatedProcess[];
    history: History;
  }) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#swarm = options.swarm;
    this.#nodes = options.nodes;
    this.#history = options.history;
  }

  start(): void {
    for (let client = 1; client <= this.#swarm.clients; client += 1) this.#goOn(client);
  }

  /** Clients begin nothing new. */
  stop(): void {
    this.#running = false;
  }

  /** One operation, and what became of it. */
  use(
    client: number,
    key: string,
    input: RegisterInput,
    node: SimulatedProcess,
    done: (happened: boolean) => void,
  ): void {
    const operation = this.#history.begin(client, key, input);
    let open = true;
    const settle = (how: (operation: OpenOperation) => void, happened: boolean): void => {
      if (!open) return;
      open = false;
      how(operation);
      done(happened);
    };
    this.#timeline.after(patienceMs, () => settle((each) => each.unknown(), false));
    if (input.type === "read") {
      node.read(key, (value) => {
        if (value === undefined) settle((each) => each.dropped(), false);
        else settle((each) => each.applied(value), true);
      });
      return;
    }
    const expected = input.type === "compareAndSet" ? { expected: input.expected } : {};
    node.propose(key, encodeCommand({ key, value: input.value, ...expected }), (outcome) => {
      if (outcome.status === "applied") settle((each) => each.applied(outcome.answer), true);
      else settle((each) => (outcome.status === "dropped" ? each.dropped() : each.unknown()), false);
    });
  }

  #goOn(client: number): void {
    if (!this.#running) return;
    this.#timeline.after(this.#random.between(0, 2 * this.#swarm.thinkMs), () => {
      if (!this.#running) return;
      const input = this.#draw();
      const reads = input.type === "read";
      const target = reads ? this.#reader() : (this.#targets.get(client) ?? this.#random.pick(this.#nodes));
      const key = `r${this.#random.below(this.#swarm.keys)}`;
      this.use(client, key, input, target, (happened) => {
        // Wherever something happened, a leader is near.
        if (happened && !reads) this.#targets.set(client, target);
        else this.#targets.delete(client);
        this.#goOn(client);
      });
    });
  }

  /** Anybody, or somebody who believes that it leads: also one that was replaced and has not noticed. */
  #reader(): SimulatedProcess {
    const leaders = this.#nodes.filter(({ leads }) => leads);
    const anybody = leaders.length === 0 || (this.#swarm.followerReads && this.#random.chance(0.5));
    return this.#random.pick(anybody ? this.#nodes : leaders);
  }

  #draw(): RegisterInput {
    if (this.#random.chance(this.#swarm.readShare)) return { type: "read" };
    this.#values += 1;
    const value = `v${this.#values}`;
    if (this.#random.chance(0.7)) return { type: "write", value };
    // Guess a value that was written lately, so that some comparisons succeed.
    const guess = Math.max(0, this.#values - 1 - this.#random.below(4));
    return { type: "compareAndSet", expected: guess === 0 ? "" : `v${guess}`, value };
  }
}
