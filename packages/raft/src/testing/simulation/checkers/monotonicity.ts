import type { Checker, Observation } from "../observation.ts";

/** Term, commit and applied index never go back while a replica lives, and its term never at all. */
export class Monotonicity implements Checker {
  readonly name = "terms and indexes never go back";
  readonly #terms = new Map<number, number>();

  observe(observation: Observation): string | undefined {
    if (observation.type !== "turned") return undefined;
    const { replica, status } = observation;
    const { term, commit } = status.hardState;
    if (status.applied > commit || commit > status.lastIndex) {
      return `replica ${replica} has applied ${status.applied}, commit ${commit}, last ${status.lastIndex}`;
    }
    const known = this.#terms.get(replica) ?? 0;
    this.#terms.set(replica, status.role === "leader" ? Math.max(term, known) : known);
    // Only a term that was led must not be forgotten; another one may be lost in a crash before it is on disk.
    return term < known ? `replica ${replica} led term ${known} and is in term ${term}` : undefined;
  }
}
