import type { Checker, Observation, WorldView } from "../observation.ts";

/** Leader completeness (Raft paper, figure 3): an entry committed in a term is in the log of every leader of later terms. */
export class LeaderCompleteness implements Checker {
  readonly name = "leader completeness";
  #committed = { index: 0, term: 0, inTerm: 0 };

  observe(observation: Observation, world: WorldView): string | undefined {
    if (observation.type === "elected") return this.#elected(observation.replica, observation.term, world);
    if (observation.type !== "committed" || observation.index <= this.#committed.index) return undefined;
    const leader = world.replicas.find(({ id }) => id === observation.replica);
    const term = leader?.termAt(observation.index);
    if (term === undefined)
      return `leader ${observation.replica} committed ${observation.index}, which it does not have`;
    this.#committed = { index: observation.index, term, inTerm: leader?.status?.hardState.term ?? term };
    return undefined;
  }

  #elected(replica: number, term: number, world: WorldView): string | undefined {
    const { index, term: committedTerm, inTerm } = this.#committed;
    if (index === 0 || term < inTerm) return undefined;
    const view = world.replicas.find(({ id }) => id === replica);
    if (view === undefined || view.durable.snapshotIndex >= index) return undefined;
    const found = view.termAt(index);
    if (found === committedTerm) return undefined;
    return `replica ${replica} leads term ${term} without the committed entry ${index}@${committedTerm} (it has term ${found})`;
  }
}
