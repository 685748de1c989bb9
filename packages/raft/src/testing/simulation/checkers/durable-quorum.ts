import type { Checker, Observation, WorldView } from "../observation.ts";
import { isQuorum } from "./quorum-definition.ts";

/** What is committed is on the *disks* of a majority at that moment, whatever the replicas have in memory. */
export class DurableQuorum implements Checker {
  readonly name = "committed entries are on a quorum of disks";

  observe(observation: Observation, world: WorldView): string | undefined {
    if (observation.type !== "committed") return undefined;
    const { replica, index, configuration } = observation;
    const term = world.replicas.find(({ id }) => id === replica)?.termAt(index);
    const has = (id: number): boolean => {
      const view = world.replicas.find((each) => each.id === id);
      if (view === undefined) return false;
      return view.durable.snapshotIndex >= index || view.durableTermAt(index) === term;
    };
    if (isQuorum(configuration, has)) return undefined;
    const disks = world.replicas.filter(({ id }) => has(id)).map(({ id }) => id);
    return `leader ${replica} committed ${index}@${term}, which is only on the disks of (${disks.join(" ")})`;
  }
}
