/** Does the faults of a schedule to a cluster, and in the end takes all of them back. */
import type { FaultCluster, NodeHandle } from "../cluster/fault-cluster.ts";
import type { Lane, PlannedFault } from "./fault.ts";
import type { ScheduledFault } from "./schedule.ts";

/** A fault that was done. */
export interface DoneFault {
  readonly kind: string;
  readonly words: string;
  /** From the beginning of the round, in milliseconds. */
  readonly beganMs: number;
  /** When it had been taken back. */
  endedMs: number;
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
    await Promise.all(known.map((handle) => this.#startAgain(handle)));
    // Whoever was never let in asks again now that somebody is there to answer.
    if (joining.length > 0) await untilMs(performance.now() + settleMs);
    await Promise.all(joining.map(({ label }) => cluster.startNode(label)));
  }

  async #startAgain({ label, isLeaving }: NodeHandle): Promise<void> {
    try {
      await this.#cluster.startNode(label);
    } catch (error) {
      // One that is out by now is told so, and ends.
      if (!isLeaving) throw error;
    }
  }

  async #runLane(lane: readonly ScheduledFault[]): Promise<void> {
    const endMs = Math.max(0, ...lane.map(({ startMs, holdMs }) => startMs + holdMs));
    for (const { kind, planned, startMs, holdMs } of lane) {
      await untilMs(this.#beganMs + startMs);
      const beganMs = performance.now() - this.#beganMs;
      const done: DoneFault = { kind: kind.name, words: planned.words, beganMs, endedMs: beganMs };
      this.done.push(done);
      // A change of members takes as long as it takes; what comes after it must not make the round longer and longer.
      if (beganMs > endMs) {
        done.failure = "the round was over";
        continue;
      }
      await this.#attempt(done, planned, "begin");
      await untilMs(this.#beganMs + startMs + holdMs);
      await this.#attempt(done, planned, "end");
      done.endedMs = performance.now() - this.#beganMs;
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
