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
