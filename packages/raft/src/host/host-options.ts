import { RaftError } from "../core/raft-error.ts";
import {
  type Clock,
  type Rng,
  type Scheduler,
  systemClock,
  systemRng,
  systemScheduler,
} from "./environment.ts";
import type { HostEvent } from "./events.ts";
import type { LogStorage } from "./log-storage.ts";
import { type Metrics, noMetrics } from "./metrics.ts";
import type { Transport } from "./transport.ts";

/** What a host is made of. */
export interface HostOptions {
  /** This node: a positive safe integer. */
  readonly node: number;
  /** Names the cluster: frames of another one are dropped. */
  readonly cluster: string;
  /** The log of all groups of this node. It belongs to the host from here on, which closes it. */
  readonly log: LogStorage;
  readonly transport: Transport;
  /** Default: the machine's. */
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  readonly rng?: Rng;
  /** Default: none. */
  readonly metrics?: Metrics;
  /** Called with what happens, in order. Must not throw. Default: nobody listens. */
  readonly onEvent?: (event: HostEvent) => void;
  /**
   * On which node a replica lives. Replica ids are never used twice in a group, so a node that comes back to a group
   * comes back with another one. Default: the replica's id is the node's.
   */
  readonly nodeOf?: (replica: number) => number;
  /** A number that no other life of this node has used. Default: 48 random bits. */
  readonly incarnation?: number;
  readonly timing?: HostTiming;
  readonly limits?: HostLimits;
}

/** How time passes. */
export interface HostTiming {
  /** Length of a tick in milliseconds. Default 50. */
  readonly tickMs?: number;
  /** Ticks between heartbeats. Default 2. */
  readonly heartbeatTicks?: number;
  /** Ticks of silence after which a follower campaigns: at least so many, less than twice as many. Default 20. */
  readonly electionTicks?: number;
  /** After this long a proposal whose outcome is not known is answered with `UNKNOWN`. Default 10,000 ms. */
  readonly proposalTimeoutMs?: number;
  /** After this long a read that is not confirmed, or not applied up to here, is answered with `DROPPED`. Default 5,000 ms. */
  readonly readTimeoutMs?: number;
  /** How long a stop waits for others to take over leadership. Default 2,000 ms. */
  readonly handOverMs?: number;
}

/** Bounds on memory and work. Everything that queues has one. */
export interface HostLimits {
  /** Bytes of commands handed over and not yet answered, over all groups; beyond that proposals are dropped. Default 256 MiB. */
  readonly maxProposalBytes?: number;
  /** Commands handed over to one group and not yet answered. Default 65,536. */
  readonly maxProposalsPerGroup?: number;
  /** Bytes of a command. Default 8 MiB. */
  readonly maxCommandBytes?: number;
  /** Reads of one group that wait. Default 65,536. */
  readonly maxReadsPerGroup?: number;
  /** Bytes of frames received and not yet looked at; beyond that frames are dropped. Default 64 MiB. */
  readonly maxInboxBytes?: number;
  /**
   * Bytes of entries handed to the log and not durable yet, over all groups; beyond that, entries from leaders are
   * dropped, as if the network had lost them. Default 256 MiB.
   */
  readonly maxUnwrittenBytes?: number;
  /** Bytes of entries applied in one turn, over all groups; the rest waits for the next turn. Default 4 MiB. */
  readonly maxApplyBytesPerTurn?: number;
  /** Bytes of messages in one frame; a single message may be larger. Default 1 MiB. */
  readonly maxFrameBytes?: number;
  /** Bytes of entries in one message. Default 1 MiB. */
  readonly maxMessageBytes?: number;
  /** Messages and bytes of entries under way to one peer of one group. Default 256 and 16 MiB. */
  readonly maxInflightMessages?: number;
  readonly maxInflightBytes?: number;
  /** Bytes that one group's leader lets wait for commitment. Default 64 MiB. */
  readonly maxUncommittedBytes?: number;
  /** Bytes of entries that one group hands out to be applied at a time. Default 1 MiB. */
  readonly maxApplyBytesPerGroup?: number;
  /** Snapshots sent, and received, at the same time. Default 2 and 2. */
  readonly maxOutgoingSnapshots?: number;
  readonly maxIncomingSnapshots?: number;
  /** Bytes of snapshots sent in a second, over all groups. Default 64 MiB. */
  readonly snapshotBytesPerSecond?: number;
  /** Bytes in one chunk of a snapshot. Default 256 KiB. */
  readonly snapshotChunkBytes?: number;
}

/** A host's options with every default filled in. */
export interface ResolvedHostOptions {
  readonly node: number;
  readonly cluster: string;
  readonly log: LogStorage;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly metrics: Metrics;
  readonly onEvent: (event: HostEvent) => void;
  readonly nodeOf: (replica: number) => number;
  readonly incarnation: number;
  readonly timing: Required<HostTiming>;
  readonly limits: Required<HostLimits>;
}

const defaultTiming: Required<HostTiming> = {
  tickMs: 50,
  heartbeatTicks: 2,
  electionTicks: 20,
  proposalTimeoutMs: 10_000,
  readTimeoutMs: 5_000,
  handOverMs: 2_000,
};

const kib = 1024;
const mib: number = kib * kib;

const defaultLimits: Required<HostLimits> = {
  maxProposalBytes: 256 * mib,
  maxProposalsPerGroup: 65_536,
  maxCommandBytes: 8 * mib,
  maxReadsPerGroup: 65_536,
  maxInboxBytes: 64 * mib,
  maxUnwrittenBytes: 256 * mib,
  maxApplyBytesPerTurn: 4 * mib,
  maxFrameBytes: mib,
  maxMessageBytes: mib,
  maxInflightMessages: 256,
  maxInflightBytes: 16 * mib,
  maxUncommittedBytes: 64 * mib,
  maxApplyBytesPerGroup: mib,
  maxOutgoingSnapshots: 2,
  maxIncomingSnapshots: 2,
  snapshotBytesPerSecond: 64 * mib,
  snapshotChunkBytes: 256 * kib,
};

/** @throws RaftError `INVALID_ARGUMENT` naming the option that is wrong. */
export function resolveHostOptions(options: HostOptions): ResolvedHostOptions {
  const rng = options.rng ?? systemRng;
  const timing = { ...defaultTiming, ...options.timing };
  const limits = { ...defaultLimits, ...options.limits };
  requirePositive("node", options.node);
  if (options.cluster.length === 0) throw invalid("cluster", "is empty");
  for (const [name, value] of Object.entries(timing)) requirePositive(`timing.${name}`, value);
  for (const [name, value] of Object.entries(limits)) requirePositive(`limits.${name}`, value);
  if (timing.electionTicks <= timing.heartbeatTicks) {
    throw invalid("timing.electionTicks", "must be greater than timing.heartbeatTicks");
  }
  return {
    node: options.node,
    cluster: options.cluster,
    log: options.log,
    transport: options.transport,
    clock: options.clock ?? systemClock,
    scheduler: options.scheduler ?? systemScheduler,
    rng,
    metrics: options.metrics ?? noMetrics,
    onEvent: options.onEvent ?? (() => undefined),
    nodeOf: options.nodeOf ?? ((replica) => replica),
    incarnation: options.incarnation ?? rng.below(2 ** 48 - 1) + 1,
    timing,
    limits,
  };
}

function requirePositive(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw invalid(name, `is ${value}; it must be a positive integer`);
}

function invalid(name: string, problem: string): RaftError {
  return new RaftError("INVALID_ARGUMENT", `${name} ${problem}.`);
}
