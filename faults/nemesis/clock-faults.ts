/** Steps of wall clocks. Nothing may depend on them but when a key expires, and the workload's keys do not. */
import { alwaysPossible, type FaultKind, pickLabels, victims } from "./fault.ts";

const minuteMs = 60_000;

export const clock: FaultKind = {
  name: "clock",
  lane: "process",
  impossible: alwaysPossible,
  plan(random, nodes) {
    const labels = pickLabels(random, nodes, random.between(1, nodes));
    const shifts = labels.map(() => random.between(-60, 60) * minuteMs);
    return {
      words: labels.map((label, index) => `clock of ${label} ${shifts[index]! / minuteMs} min`).join(", "),
      async begin(cluster) {
        for (const [index, { label }] of victims(cluster, labels).entries())
          cluster.shiftClock(label, shifts[index]!);
      },
      async end(cluster) {
        for (const { label } of cluster.members) cluster.shiftClock(label, 0);
      },
    };
  },
};
