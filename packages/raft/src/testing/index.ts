// A group in memory, for scenarios that a person can read.
export { Cluster, type ClusterOptions } from "./cluster.ts";
export { ClusterNetwork, type MessageFilter } from "./cluster-network.ts";
export { ClusterNode, type ClusterNodeOptions } from "./cluster-node.ts";
export { MemoryStorage } from "./memory-storage.ts";

// Transcripts.
export {
  type DataOf,
  describeConfiguration,
  describeEntry,
  describeMessage,
  describeProgress,
  describeReady,
  type NameOf,
} from "./describe.ts";

// The deterministic simulator.
export { simulateHosts } from "./simulation/host-simulation.ts";
export { describeFailure, type SeedRunner, shrink } from "./simulation/report.ts";
export { simulate, type SimulationOptions, type SimulationResult } from "./simulation/simulation.ts";
export { type FaultKind, faultKinds, type Swarm } from "./simulation/swarm.ts";

// Whether what clients saw can be explained.
export {
  checkLinearizability,
  type CheckOptions,
  checkPartitioned,
  type Model,
  type Operation,
  type RegisterInput,
  registerModel,
  type RegisterOutput,
  type Verdict,
} from "./linearizability/index.ts";
