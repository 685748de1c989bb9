/** Faults between nodes: partitions of several shapes, and slow links. */
import type { FaultCluster } from "../cluster/fault-cluster.ts";
import type { Random } from "../random.ts";
import { alwaysPossible, type FaultKind, majorityOf, pickLabels, type PlannedFault } from "./fault.ts";

type Direction = readonly [from: number, to: number];

function pairs(from: readonly number[], to: readonly number[]): Direction[] {
  return from.flatMap((left) => to.filter((right) => right !== left).map((right) => [left, right] as const));
}

function bothWays(left: readonly number[], right: readonly number[]): Direction[] {
  return [...pairs(left, right), ...pairs(right, left)];
}

/** Which directions are cut, and how that is called. `all` are the labels of all nodes, newcomers included. */
interface Shape {
  readonly words: string;
  readonly directions: (all: readonly number[]) => Direction[];
}

function minorityShape(random: Random, nodes: number): Shape {
  const minority = pickLabels(random, nodes, random.between(1, nodes - majorityOf(nodes)));
  return {
    words: `${minority.join(", ")} apart from the rest`,
    directions: (all) =>
      bothWays(
        minority,
        all.filter((label) => !minority.includes(label)),
      ),
  };
}

function oneWayShape(random: Random, nodes: number): Shape {
  const [mute = 1] = pickLabels(random, nodes, 1);
  const isDeaf = random.fraction() < 0.5;
  return {
    words: isDeaf ? `${mute} hears nobody and is heard` : `${mute} hears everybody and is not heard`,
    directions: (all) => (isDeaf ? pairs(all, [mute]) : pairs([mute], all)),
  };
}

/** One node sees everybody; the others see only it and their own half. */
function bridgeShape(random: Random, nodes: number): Shape {
  const [bridge = 1, ...rest] = random.sample(pickLabels(random, nodes, nodes), nodes);
  const half = rest.slice(0, Math.ceil(rest.length / 2));
  return {
    words: `only ${bridge} connects ${half.join(", ")} with the rest`,
    directions: (all) =>
      bothWays(
        half,
        all.filter((label) => label !== bridge && !half.includes(label)),
      ),
  };
}

function labelsOf(cluster: FaultCluster): number[] {
  return cluster.nodes.map(({ label }) => label);
}

export const partition: FaultKind = {
  name: "partition",
  lane: "network",
  impossible: alwaysPossible,
  plan(random, nodes): PlannedFault {
    const { words, directions } = random.pick([minorityShape, oneWayShape, bridgeShape])(random, nodes);
    return {
      words,
      async begin(cluster) {
        for (const [from, to] of directions(labelsOf(cluster))) await cluster.network.cut(from, to);
      },
      end: (cluster) => cluster.network.heal(),
    };
  },
};

export const slow: FaultKind = {
  name: "slow",
  lane: "network",
  impossible: async ({ network }) =>
    network.slow === undefined ? "links can be slowed with --network proxies only" : undefined,
  plan(random, nodes): PlannedFault {
    const [label = 1] = pickLabels(random, nodes, 1);
    const delayMs = random.pick([20, 100, 400]);
    return {
      words: `everything to and from ${label} takes ${delayMs} ms longer`,
      async begin(cluster) {
        for (const [from, to] of bothWays([label], labelsOf(cluster)))
          await cluster.network.slow?.(from, to, delayMs);
      },
      end: (cluster) => cluster.network.heal(),
    };
  },
};
