import type { Checker, Observation, WorldView } from "../observation.ts";

/** A leader commits only entries of its own term by counting (Raft paper, section 5.4.2, figure 8). */
export class Commitment implements Checker {
  readonly name = "commitment";

  observe(observation: Observation, world: WorldView): string | undefined {
    if (observation.type !== "committed") return undefined;
    const leader = world.replicas.find(({ id }) => id === observation.replica);
    const term = leader?.status?.hardState.term;
    const found = leader?.termAt(observation.index);
    if (found === term) return undefined;
    return `leader ${observation.replica} of term ${term} committed up to ${observation.index}, which is of term ${found}`;
  }
}
