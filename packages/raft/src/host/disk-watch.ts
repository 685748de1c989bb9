/**
 * A leader sends its entries before its own disk has them, and heartbeats need no disk at all. So a leader whose disk
 * hangs goes on looking healthy while it cannot vote, cannot remember a term and slows everybody down (hashicorp/raft
 * #503). The age of the oldest write that is not durable tells: when it exceeds one election timeout no further proposals
 * are taken, when it exceeds two, leadership goes to somebody else, and this node does not stand for election until the
 * disk has answered.
 */

/** How the disk is doing. */
export type DiskState = "healthy" | "slow" | "stalled";

/** Judges the disk by the age of the oldest write that is under way. */
export class DiskWatch {
  readonly #electionMs: number;
  state: DiskState = "healthy";

  constructor(electionMs: number) {
    this.#electionMs = electionMs;
  }

  /** Looks again, and returns what it was before. */
  look(oldestPendingMs: number): DiskState {
    const before = this.state;
    if (oldestPendingMs > 2 * this.#electionMs) this.state = "stalled";
    // Once stalled, the disk has to answer everything that waited before it is believed again.
    else if (before === "stalled" && oldestPendingMs > 0) this.state = "stalled";
    else this.state = oldestPendingMs > this.#electionMs ? "slow" : "healthy";
    return before;
  }
}
