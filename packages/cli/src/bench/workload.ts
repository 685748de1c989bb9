/** What a measurement does: a mixture of operations and which keys they ask for. YCSB's six are named after it. */
import { type KeyChooser, latestKeys, uniformKeys, zipfianKeys } from "./key-choice.ts";

/** Kinds of operations. */
export type OperationKind = "read" | "update" | "insert" | "scan" | "modify";

/** A mixture of operations, as shares that add up to 1. */
export interface Workload {
  readonly name: WorkloadName;
  readonly description: string;
  readonly mixture: Readonly<Partial<Record<OperationKind, number>>>;
  readonly keys: "uniform" | "zipfian" | "latest";
}

export const workloadNames = [
  "put",
  "get",
  "mixed",
  "ycsb-a",
  "ycsb-b",
  "ycsb-c",
  "ycsb-d",
  "ycsb-e",
  "ycsb-f",
] as const;
export type WorkloadName = (typeof workloadNames)[number];

const workloads: Readonly<Record<WorkloadName, Omit<Workload, "name">>> = {
  put: { description: "writes only", mixture: { update: 1 }, keys: "uniform" },
  get: { description: "reads only", mixture: { read: 1 }, keys: "uniform" },
  mixed: { description: "half reads, half writes", mixture: { read: 0.5, update: 0.5 }, keys: "uniform" },
  "ycsb-a": { description: "half reads, half updates", mixture: { read: 0.5, update: 0.5 }, keys: "zipfian" },
  "ycsb-b": { description: "95 % reads", mixture: { read: 0.95, update: 0.05 }, keys: "zipfian" },
  "ycsb-c": { description: "reads only", mixture: { read: 1 }, keys: "zipfian" },
  "ycsb-d": {
    description: "95 % reads of what is new",
    mixture: { read: 0.95, insert: 0.05 },
    keys: "latest",
  },
  "ycsb-e": { description: "95 % short scans", mixture: { scan: 0.95, insert: 0.05 }, keys: "zipfian" },
  "ycsb-f": {
    description: "half reads, half read-modify-write",
    mixture: { read: 0.5, modify: 0.5 },
    keys: "zipfian",
  },
};

/** A workload by its name. */
export function workloadNamed(name: WorkloadName): Workload {
  return { name, ...workloads[name] };
}

/** Which key comes next under a workload. */
export function keyChooserOf({ keys }: Workload, random: () => number, keyCount: number): KeyChooser {
  switch (keys) {
    case "uniform":
      return uniformKeys(random);
    case "zipfian":
      return zipfianKeys(random, keyCount);
    case "latest":
      return latestKeys(random, keyCount);
  }
}

/** Which operation comes next. */
export function chooseOperation({ mixture }: Workload, random: () => number): OperationKind {
  const kinds = Object.entries(mixture) as [OperationKind, number][];
  let left = random();
  for (const [kind, share] of kinds) {
    left -= share;
    if (left < 0) return kind;
  }
  return kinds[0]![0];
}
