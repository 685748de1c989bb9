import type { HardState, SnapshotMetadata, StorageAppend } from "../../index.ts";
import type { MemoryStorage } from "../memory-storage.ts";
import type { Random } from "./random.ts";
import type { Swarm } from "./swarm.ts";
import type { Timeline } from "./timeline.ts";

/** Something the disk was asked to do. */
interface Job {
  readonly write?: StorageAppend;
  readonly compact?: { readonly through: number; readonly metadata: SnapshotMetadata };
  readonly done: () => void;
}

/** How long a disk that stalls does so: from a hiccup to longer than any election timeout. */
const maxStallMs = 1500;

/**
 * The log of a replica on a disk that takes its time. Writes become durable one after the other; in a crash those that are
 * under way are durable up to some point, and a write that did not ask to be synced may be gone although it was reported.
 */
export class SimulatedLog {
  readonly storage: MemoryStorage;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #swarm: Swarm;
  #jobs: Job[] = [];
  #busy = false;
  #life = 0;
  #faulty = true;
  /** What survives a loss of power of the lazily written commit index. */
  #synced: HardState;

  constructor(options: { storage: MemoryStorage; timeline: Timeline; random: Random; swarm: Swarm }) {
    this.storage = options.storage;
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#swarm = options.swarm;
    this.#synced = this.storage.initialState().hardState;
  }

  /** From now on the disk is merely slow. */
  heal(): void {
    this.#faulty = false;
  }

  /** Asks for a write. `done` is called when it and all before it are durable, unless the replica crashes first. */
  write(write: StorageAppend, done: () => void): void {
    this.#ask({ write, done });
  }

  /** Asks for entries to be dropped that a snapshot covers. */
  compact(through: number, metadata: SnapshotMetadata, done: () => void): void {
    this.#ask({ compact: { through, metadata }, done });
  }

  /** The term of an entry as the replica sees it: newer writes that are under way count. Undefined: not there. */
  termAt(index: number): number | undefined {
    for (const { write } of this.#jobs.toReversed()) {
      if (write === undefined) continue;
      const first = write.entries[0];
      if (first !== undefined && index >= first.index) return write.entries[index - first.index]?.term;
      if (write.snapshot !== undefined && index <= write.snapshot.index) {
        return index === write.snapshot.index ? write.snapshot.term : undefined;
      }
    }
    return this.durableTermAt(index);
  }

  /** The term of an entry as the disk has it. */
  durableTermAt(index: number): number | undefined {
    const within = index >= this.storage.firstIndex() - 1 && index <= this.storage.lastIndex();
    return within ? this.storage.term(index) : undefined;
  }

  /** The process dies. With `powerLost` also what was written and not synced goes. */
  crash({ powerLost }: { readonly powerLost: boolean }): void {
    this.#life += 1;
    this.#busy = false;
    const survivors = this.#random.below(this.#jobs.length + 1);
    for (const job of this.#jobs.slice(0, survivors)) this.#perform(job);
    this.#jobs = [];
    if (!powerLost) return;
    const { hardState } = this.storage.initialState();
    this.storage.write({ entries: [], hardState: { ...hardState, commit: this.#synced.commit } });
  }

  #ask(job: Job): void {
    this.#jobs.push(job);
    if (!this.#busy) this.#start();
  }

  /** Works on everything that has been asked for until now, in one go. */
  #start(): void {
    this.#busy = true;
    const batch = this.#jobs.length;
    const life = this.#life;
    const { minLatencyMs, maxLatencyMs } = this.#swarm.disk;
    const stalls = this.#faulty && this.#swarm.faults.has("diskStall") && this.#random.chance(0.005);
    this.#timeline.after(this.#random.between(minLatencyMs, stalls ? maxStallMs : maxLatencyMs), () => {
      if (life !== this.#life) return;
      const finished = this.#jobs.splice(0, batch);
      for (const job of finished) this.#perform(job);
      this.#busy = false;
      if (this.#jobs.length > 0) this.#start();
      for (const job of finished) job.done();
    });
  }

  #perform({ write, compact }: Job): void {
    if (write !== undefined) {
      this.storage.write(write);
      if (write.mustSync) this.#synced = this.storage.initialState().hardState;
    }
    // A snapshot from the leader may have overtaken the replica's own.
    if (compact !== undefined && compact.through >= this.storage.firstIndex()) {
      this.storage.compact(compact.through, compact.metadata);
      this.#synced = { ...this.#synced, commit: Math.max(this.#synced.commit, compact.metadata.index) };
    }
  }
}
