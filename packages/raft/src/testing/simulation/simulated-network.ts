import type { SnapshotImage } from "./register-machine.ts";
import type { Random } from "./random.ts";
import type { Swarm } from "./swarm.ts";
import type { Timeline } from "./timeline.ts";

/** What travels: an encoded message, and beside it the data of a snapshot if the message announces one. */
export interface Parcel {
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
  readonly image?: SnapshotImage;
  /** Told whether the parcel arrived; only asked for with an image. */
  readonly onFate?: (arrived: boolean) => void;
}

/** A message that is held up takes up to this long: several election timeouts, or a life of its receiver. */
const maxHeldUpMs = 2000;

/**
 * A network that loses, repeats, delays and reorders, and that can be cut in one direction or both. What is under way when
 * a replica crashes arrives in its next life.
 */
export class SimulatedNetwork {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #swarm: Swarm;
  readonly #deliver: (parcel: Parcel) => void;
  /** Directed links that are cut, as `from:to`. */
  readonly #cut = new Set<string>();
  #faulty = true;

  constructor(options: {
    timeline: Timeline;
    random: Random;
    swarm: Swarm;
    deliver: (parcel: Parcel) => void;
  }) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#swarm = options.swarm;
    this.#deliver = options.deliver;
  }

  /** From now on nothing is lost. */
  heal(): void {
    this.#cut.clear();
    this.#faulty = false;
  }

  /** Cuts and restores links; `both` directions or only the one from the first to the second. */
  cut(links: readonly (readonly [from: number, to: number])[]): void {
    for (const [from, to] of links) this.#cut.add(`${from}:${to}`);
  }

  restore(): void {
    this.#cut.clear();
  }

  send(parcel: Parcel): void {
    const copies = this.#has("duplication") && this.#random.chance(0.05) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) this.#sendOnce(parcel);
  }

  #sendOnce(parcel: Parcel): void {
    const lost = this.#has("loss") && this.#random.chance(0.08);
    const heldUp = this.#has("delay") && this.#random.chance(0.03);
    const { minDelayMs, maxDelayMs } = this.#swarm.network;
    const delayMs = this.#random.between(minDelayMs, heldUp ? maxHeldUpMs : maxDelayMs);
    this.#timeline.after(delayMs, () => {
      const arrives = !lost && !this.#cut.has(`${parcel.from}:${parcel.to}`);
      if (arrives) this.#deliver(parcel);
      else parcel.onFate?.(false);
    });
  }

  #has(kind: "loss" | "duplication" | "delay"): boolean {
    return this.#faulty && this.#swarm.faults.has(kind);
  }
}
