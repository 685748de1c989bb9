// Many groups on one node.
export { type CreateGroupOptions, Host, type HostStatus } from "./host.ts";
export type { GroupStatus, ProposalCallback, RaftGroup } from "./raft-group.ts";
export type { GroupOptions, GroupPolicy } from "./group-options.ts";
export type { HostEvent } from "./events.ts";
export type { HostLimits, HostOptions, HostTiming } from "./host-options.ts";

// What a host stands on: implement these, or take the ones that come with the package.
export { MemoryLog } from "./memory-log.ts";
export type { LogStorage, LogWrite } from "./log-storage.ts";
export type { ReceivedState, StateMachine, StateSnapshot } from "./state-machine.ts";
export { FileSnapshotStore } from "./file-snapshot-store.ts";
export type { SnapshotStore } from "./snapshot-store.ts";
export type { Transport } from "./transport.ts";
export {
  type Clock,
  type Rng,
  type Scheduler,
  systemClock,
  systemRng,
  systemScheduler,
} from "./environment.ts";
export { type CounterName, type HistogramName, type Metrics, noMetrics } from "./metrics.ts";
