/** A linearizable read that waits at the leader for the proof that it still leads. */
export interface PendingRead {
  readonly ticket: number;
  /** The replica that asked; the leader itself for its own reads. */
  readonly from: number;
  readonly incarnation: number;
  /** Whether a majority must be asked even if a lease would answer. */
  readonly confirm: boolean;
  /** What was committed when the read arrived. */
  readonly index: number;
  /** The first round of heartbeats that began after the read arrived. */
  readonly round: number;
}

/** A read that arrived before the leader had committed anything in its term, and so has no index yet. */
export type EarlyRead = Pick<PendingRead, "ticket" | "from" | "incarnation" | "confirm">;

/** The reads that wait at a leader, in the order of their arrival, which is also the order of their rounds. */
export class ReadQueue {
  #early: EarlyRead[] = [];
  #pending: PendingRead[] = [];

  get size(): number {
    return this.#early.length + this.#pending.length;
  }

  addEarly(read: EarlyRead): void {
    this.#early.push(read);
  }

  add(read: PendingRead): void {
    this.#pending.push(read);
  }

  /** The reads that waited for the first commitment of the term. */
  takeEarly(): EarlyRead[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }

  /** The reads that a confirmed round answers. */
  takeConfirmed(round: number): PendingRead[] {
    if (this.#pending.length === 0 || this.#pending[0]!.round > round) return [];
    const firstOpen = this.#pending.findIndex((read) => read.round > round);
    return this.#pending.splice(0, firstOpen === -1 ? this.#pending.length : firstOpen);
  }

  /** Empties the queue. */
  takeAll(): EarlyRead[] {
    const all = [...this.#early, ...this.#pending];
    this.#early = [];
    this.#pending = [];
    return all;
  }
}
