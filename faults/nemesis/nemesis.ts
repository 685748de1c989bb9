/** Does the faults of a schedule to a cluster, and in the end takes all of them back. */
import type { FaultCluster } from "../cluster/fault-cluster.ts";
import type { Lane, PlannedFault } from "./fault.ts";
import type { ScheduledFault } from "./schedule.ts";

/** A fault that was done. */
export interface DoneFault {
  readonly kind: string;
  readonly words: string;
  /** From the beginning of the round, in milliseconds. */
  readonly beganMs: number;
  /** Why it could not be done as planned; the cluster may refuse a change while it has no majority. */
  failure?: string;
}

/** How long nodes that came back are given to find a leader before others ask them to be let in, in milliseconds. */
const settleMs = 3000;

function untilMs(deadlineMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, deadlineMs - performance.now())));
}

export class Nemesis {
  readonly done: DoneFault[] = [];
  readonly #cluster: FaultCluster;
  readonly #beganMs: number = performance.now();

  constructor(cluster: FaultCluster) {
    this.#cluster = cluster;
  }

  /** Resolves when every fault of the schedule is over. */
  async run(schedule: ReadonlyMap<Lane, readonly ScheduledFault[]>): Promise<void> {
    await Promise.all([...schedule.values()].map((lane) => this.#runLane(lane)));
  }

  /** Makes the cluster whole: everything that a fault may have left. Resolves when all members run. */
  async heal(): Promise<void> {
    const cluster = this.#cluster;
    await cluster.network.heal();
    await cluster.smallDisk?.free();
    for (const { label } of cluster.nodes) cluster.resume(label);
    const missing = cluster.members.filter(({ child }) => child === undefined);
    const [known, joining] = [missing.filter(({ id }) => id > 0), missing.filter(({ id }) => id === 0)];
    await Promise.all(known.map(({ label }) => cluster.startNode(label)));
    // Whoever was never let in asks again now that somebody is there to answer.
    if (joining.length > 0) await untilMs(performance.now() + settleMs);
    await Promise.all(joining.map(({ label }) => cluster.startNode(label)));
  }

  async #runLane(lane: readonly ScheduledFault[]): Promise<void> {
    for (const { kind, planned, startMs, holdMs } of lane) {
      await untilMs(this.#beganMs + startMs);
      const beganMs = performance.now() - this.#beganMs;
      const done: DoneFault = { kind: kind.name, words: planned.words, beganMs };
      this.done.push(done);
      await this.#attempt(done, planned, "begin");
      await untilMs(this.#beganMs + startMs + holdMs);
      await this.#attempt(done, planned, "end");
    }
  }

  async #attempt(done: DoneFault, planned: PlannedFault, step: "begin" | "end"): Promise<void> {
    try {
      await planned[step](this.#cluster);
    } catch (error) {
      done.failure = error instanceof Error ? error.message : String(error);
    }
  }
}
