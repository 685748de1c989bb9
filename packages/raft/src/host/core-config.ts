import type { RawNodeConfig } from "../core/config.ts";
import type { GroupOptions } from "./group-options.ts";
import type { ReplicaStart } from "./group-replica.ts";
import type { ResolvedHostOptions } from "./host-options.ts";

/** Of clocks that drift more than any working one does. */
const defaultClockDrift = 0.1;

/** What a replica's core is made of. */
export function coreConfig(
  host: ResolvedHostOptions,
  group: GroupOptions,
  start: ReplicaStart,
): RawNodeConfig {
  const { clock, rng, timing, limits, incarnation } = host;
  return {
    id: group.replica,
    storage: start.reader,
    applied: start.applied,
    incarnation,
    randomElectionTicks: (spread) => rng.below(spread),
    electionTick: timing.electionTicks,
    heartbeatTick: timing.heartbeatTicks,
    maxBytesPerMessage: limits.maxMessageBytes,
    maxInflightMessages: limits.maxInflightMessages,
    maxInflightBytes: limits.maxInflightBytes,
    maxUncommittedBytes: limits.maxUncommittedBytes,
    maxCommittedBytesPerReady: limits.maxApplyBytesPerGroup,
    maxPendingReads: limits.maxReadsPerGroup,
    proposalForwarding: group.proposalForwarding ?? false,
    readMode: group.readMode ?? "safe",
    maxClockDriftTicks: timing.electionTicks * (group.maxClockDrift ?? defaultClockDrift),
    monotonicTicks: () => clock.now() / timing.tickMs,
    lazyCommit: true,
    asyncStorageWrites: true,
  };
}
