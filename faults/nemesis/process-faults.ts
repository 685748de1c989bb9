/** Faults of whole processes: killed, powered off, stopped cleanly, or made to stand still. */
import type { FaultCluster, NodeHandle } from "../cluster/fault-cluster.ts";
import type { Random } from "../random.ts";
import {
  alwaysPossible,
  type FaultKind,
  majorityOf,
  pickLabels,
  type PlannedFault,
  victims,
} from "./fault.ts";

type Ending = (cluster: FaultCluster, label: number) => Promise<void>;

/** Ends some processes and starts them again. */
function endAndStart(labels: readonly number[], words: string, end: Ending): PlannedFault {
  let ended: NodeHandle[] = [];
  return {
    words: `${words} ${labels.join(", ")}`,
    async begin(cluster) {
      ended = victims(cluster, labels);
      await Promise.all(ended.map(({ label }) => end(cluster, label)));
    },
    async end(cluster) {
      const wanted = ended.filter(({ isWanted }) => isWanted);
      await Promise.all(wanted.map(({ label }) => cluster.startNode(label)));
    },
  };
}

/** One node most often; sometimes so many that nothing can go on; sometimes all. */
function howMany(random: Random, nodes: number): number {
  const drawn = random.fraction();
  if (drawn < 0.6) return 1;
  return drawn < 0.8 ? majorityOf(nodes) : nodes;
}

export const kill: FaultKind = {
  name: "kill",
  lane: "process",
  impossible: alwaysPossible,
  plan: (random, nodes) =>
    endAndStart(pickLabels(random, nodes, howMany(random, nodes)), "kill -9", (cluster, label) =>
      cluster.kill(label),
    ),
};

export const power: FaultKind = {
  name: "power",
  lane: "process",
  impossible: alwaysPossible,
  plan: (random, nodes) =>
    endAndStart(pickLabels(random, nodes, howMany(random, nodes)), "power cut of", (cluster, label) =>
      cluster.cutPower(label),
    ),
};

export const restart: FaultKind = {
  name: "restart",
  lane: "process",
  impossible: alwaysPossible,
  plan: (random, nodes) =>
    endAndStart(pickLabels(random, nodes, 1), "clean restart of", (cluster, label) => cluster.stop(label)),
};

export const pause: FaultKind = {
  name: "pause",
  lane: "process",
  impossible: alwaysPossible,
  plan(random, nodes) {
    const labels = pickLabels(random, nodes, random.between(1, majorityOf(nodes)));
    let paused: NodeHandle[] = [];
    return {
      words: `SIGSTOP of ${labels.join(", ")}`,
      async begin(cluster) {
        paused = victims(cluster, labels);
        for (const { label } of paused) cluster.pause(label);
      },
      async end(cluster) {
        for (const { label } of paused) cluster.resume(label);
      },
    };
  },
};
