import { type InflightLimits, Inflights } from "./inflights.ts";
import { violated } from "./invariants.ts";
import type { ProgressState, ProgressStatus } from "./status.ts";

/**
 * What a leader knows of one member, and what it may send to it next. Invariant: `match < next`.
 *
 * A new leader knows nothing, so it probes: one append at a time until the peer's answer shows where the logs agree. From
 * then on it replicates: `next` moves on as soon as an append is sent, and a rejection or an unreachable peer leads back
 * to probing. A peer that needs entries which are gone waits for a snapshot.
 */
export class Progress {
  readonly replica: number;
  learner: boolean;
  state: ProgressState = "probe";
  match = 0;
  next: number;
  /** Meaningful in state `snapshot`: the index of the snapshot that was sent. */
  pendingSnapshot = 0;
  /** Heard of since the last time the leader checked its quorum. */
  recentActive = false;
  /** The newest round of heartbeats the peer answered. */
  round = 0;
  readonly inflights: Inflights;
  /** One append was sent whose answer decides what comes next; a heartbeat's answer also lifts this. */
  #paused = false;
  /** The highest commit index sent to the peer. */
  #sentCommit = 0;

  constructor(options: { replica: number; next: number; learner: boolean; limits: InflightLimits }) {
    this.replica = options.replica;
    this.next = options.next;
    this.learner = options.learner;
    this.inflights = new Inflights(options.limits);
  }

  get paused(): boolean {
    return this.#paused || this.state === "snapshot";
  }

  /** Starts over, at the beginning of a leader's term. */
  reset(options: { match: number; next: number }): void {
    this.match = options.match;
    this.next = options.next;
    this.recentActive = false;
    this.round = 0;
    this.#sentCommit = 0;
    this.#enter("probe");
  }

  becomeProbe(): void {
    // After a snapshot the peer may have less than `match` suggests, or all of the snapshot: try behind the snapshot.
    const next = this.state === "snapshot" ? Math.max(this.match, this.pendingSnapshot) + 1 : this.match + 1;
    this.#enter("probe");
    this.#moveBackTo(next);
  }

  becomeReplicate(): void {
    this.#enter("replicate");
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#enter("snapshot");
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.#sentCommit = index;
  }

  /** The snapshot did not arrive: forget it. */
  failSnapshot(): void {
    this.pendingSnapshot = 0;
    this.becomeProbe();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /** An append left for this peer. */
  sent(options: { count: number; bytes: number; commit: number }): void {
    const { count, bytes, commit } = options;
    this.#sentCommit = commit;
    if (this.state === "replicate") {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      // What overfills the window is a probe: the next one goes out when something is heard of the peer.
      this.#paused = this.inflights.full;
    } else if (count > 0) {
      this.#paused = true;
    }
  }

  /** Whether an empty append would teach the peer anything about the commit index. */
  owesCommit(commit: number): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1;
  }

  /** The peer's log agrees up to here. Returns whether that is news. */
  accept(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.#paused = false;
    return true;
  }

  /** The peer does not have `rejected`, but may agree at `hint`. Returns false for an answer that is out of date. */
  rejected(rejected: number, hint: number): boolean {
    if (this.state === "replicate") {
      if (rejected <= this.match) return false;
      this.#moveBackTo(this.match + 1);
      return true;
    }
    // While probing only the answer to the last probe counts.
    if (this.next - 1 !== rejected) return false;
    this.#moveBackTo(Math.max(Math.min(rejected, hint + 1), this.match + 1));
    this.#paused = false;
    return true;
  }

  check(): void {
    if (this.match >= this.next)
      violated(`Match ${this.match} of replica ${this.replica} is not below next ${this.next}`);
  }

  status(): ProgressStatus {
    return {
      replica: this.replica,
      state: this.state,
      match: this.match,
      next: this.next,
      paused: this.paused,
      pendingSnapshot: this.pendingSnapshot,
      recentActive: this.recentActive,
      learner: this.learner,
      inflightMessages: this.inflights.count,
      inflightBytes: this.inflights.bytes,
    };
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.#paused = false;
    this.pendingSnapshot = 0;
    this.inflights.clear();
  }

  #moveBackTo(next: number): void {
    this.next = next;
    // What was sent beyond may be lost, and a commit index counts as heard only with the entries it covers.
    this.#sentCommit = Math.min(this.#sentCommit, next - 1);
  }
}
