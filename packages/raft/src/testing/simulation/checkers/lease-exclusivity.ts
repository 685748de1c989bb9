import type { Checker, Observation, WorldView } from "../observation.ts";

/** While a leader's lease is valid nobody leads a later term (dissertation, section 6.4.1). */
export class LeaseExclusivity implements Checker {
  readonly name = "lease exclusivity";

  observe(observation: Observation, world: WorldView): string | undefined {
    if (observation.type !== "elected") return undefined;
    for (const { id, status } of world.replicas) {
      if (status === undefined || !status.leaseValid || id === observation.replica) continue;
      if (status.hardState.term < observation.term) {
        return `replica ${observation.replica} leads term ${observation.term} while ${id} holds a lease of term ${status.hardState.term}`;
      }
    }
    return undefined;
  }
}
