import type { Checker, Observation } from "../observation.ts";

/** State machine safety (Raft paper, figure 3): what one replica has applied at an index, no other applies differently. */
export class StateMachineSafety implements Checker {
  readonly name = "state machine safety";
  /** The digest over everything up to an index. */
  readonly #digests = new Map<number, number>();
  readonly #last = new Map<number, number>();

  observe(observation: Observation): string | undefined {
    if (observation.type === "restored")
      return this.#compare(observation.replica, observation.index, observation.digest);
    if (observation.type !== "applied") return undefined;
    const { replica, entry, digest } = observation;
    this.#last.set(replica, entry.index);
    return this.#compare(replica, entry.index, digest);
  }

  #compare(replica: number, index: number, digest: number): string | undefined {
    const known = this.#digests.get(index) ?? digest;
    this.#digests.set(index, known);
    return known === digest
      ? undefined
      : `replica ${replica} is in another state at index ${index} than one before it`;
  }
}
