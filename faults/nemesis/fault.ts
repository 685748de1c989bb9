/** What a kind of fault is: planned from random numbers alone, so that a seed always gives the same plan. */
import type { FaultCluster, NodeHandle } from "../cluster/fault-cluster.ts";
import type { Random } from "../random.ts";

/** Faults of one lane follow each other; those of different lanes overlap. */
export type Lane = "process" | "network" | "membership";

/** One fault, decided but not yet done. */
export interface PlannedFault {
  /** What it does, for the printed schedule. */
  readonly words: string;
  /** Does it. What it needs to know later it keeps. */
  begin(cluster: FaultCluster): Promise<void>;
  /** Takes it back, whatever became of `begin`. */
  end(cluster: FaultCluster): Promise<void>;
}

/** One kind of fault. */
export interface FaultKind {
  readonly name: string;
  readonly lane: Lane;
  /** Why it cannot be done here; `undefined` when it can. */
  impossible(cluster: FaultCluster): Promise<string | undefined>;
  /** `nodes` is the number of founders. */
  plan(random: Random, nodes: number): PlannedFault;
}

/** For faults that need nothing special. */
export function alwaysPossible(): Promise<undefined> {
  return Promise.resolve(undefined);
}

/** Founders picked at random, by their labels. */
export function pickLabels(random: Random, nodes: number, count: number): number[] {
  const labels = Array.from({ length: nodes }, (_, index) => index + 1);
  return random.sample(labels, count).toSorted((left, right) => left - right);
}

/** The members that stand for the labels: a founder that is gone is stood for by whoever came instead. */
export function victims(cluster: FaultCluster, labels: readonly number[]): NodeHandle[] {
  const { members } = cluster;
  const chosen = labels.map((label) => {
    return members.find((member) => member.label === label) ?? members[label % members.length];
  });
  return [...new Set(chosen.filter((member) => member !== undefined))];
}

export function majorityOf(nodes: number): number {
  return Math.floor(nodes / 2) + 1;
}
