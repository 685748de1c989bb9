import type { RawNodeConfig } from "./config.ts";
import type { InflightLimits } from "./inflights.ts";
import { RaftError } from "./raft-error.ts";

const defaultElectionTick = 20;
const defaultHeartbeatTick = 2;
const defaultMaxBytesPerMessage = 1024 * 1024;
const defaultMaxInflightMessages = 256;
const defaultMaxInflightBytes = 16 * 1024 * 1024;
const defaultMaxUncommittedBytes = 64 * 1024 * 1024;
const defaultMaxCommittedBytesPerReady = 1024 * 1024;
const defaultMaxPendingReads = 65_536;

/** A configuration with every default filled in and every rule checked. */
export type Options = Required<Omit<RawNodeConfig, "applied" | "storage">> & {
  readonly inflight: InflightLimits;
};

/** @throws RaftError `INVALID_ARGUMENT` naming the option */
export function resolveOptions(config: RawNodeConfig): Options {
  const electionTick = config.electionTick ?? defaultElectionTick;
  const options: Options = {
    id: config.id,
    incarnation: config.incarnation,
    randomElectionTicks: config.randomElectionTicks,
    electionTick,
    heartbeatTick: config.heartbeatTick ?? defaultHeartbeatTick,
    preVote: config.preVote ?? true,
    checkQuorum: config.checkQuorum ?? true,
    maxBytesPerMessage: config.maxBytesPerMessage ?? defaultMaxBytesPerMessage,
    maxInflightMessages: config.maxInflightMessages ?? defaultMaxInflightMessages,
    maxInflightBytes: config.maxInflightBytes ?? defaultMaxInflightBytes,
    maxUncommittedBytes: config.maxUncommittedBytes ?? defaultMaxUncommittedBytes,
    maxCommittedBytesPerReady: config.maxCommittedBytesPerReady ?? defaultMaxCommittedBytesPerReady,
    maxPendingReads: config.maxPendingReads ?? defaultMaxPendingReads,
    proposalForwarding: config.proposalForwarding ?? false,
    readMode: config.readMode ?? "safe",
    lazyCommit: config.lazyCommit ?? false,
    monotonicTicks: config.monotonicTicks ?? noClock,
    maxClockDriftTicks: config.maxClockDriftTicks ?? electionTick / 10,
    asyncStorageWrites: config.asyncStorageWrites ?? false,
    inflight: {
      maxMessages: config.maxInflightMessages ?? defaultMaxInflightMessages,
      maxBytes: config.maxInflightBytes ?? defaultMaxInflightBytes,
    },
  };
  check(options, config.monotonicTicks !== undefined);
  return options;
}

const positiveOptions = [
  "id",
  "heartbeatTick",
  "maxBytesPerMessage",
  "maxInflightMessages",
  "maxInflightBytes",
  "maxUncommittedBytes",
  "maxCommittedBytesPerReady",
  "maxPendingReads",
] as const;

function check(options: Options, hasClock: boolean): void {
  for (const name of positiveOptions) {
    require(isCount(options[name]) && options[name] > 0, `${name} must be a positive safe integer`);
  }
  require(isCount(options.incarnation), "incarnation must be a safe integer that is not negative");
  const { electionTick, heartbeatTick, maxClockDriftTicks } = options;
  require(isCount(electionTick) &&
    electionTick > heartbeatTick, "electionTick must be an integer above heartbeatTick");
  require(options.maxInflightBytes >=
    options.maxBytesPerMessage, "maxInflightBytes must be at least maxBytesPerMessage");
  if (options.readMode === "safe") return;
  require(options.checkQuorum, "readMode lease needs checkQuorum: followers must stay with a living leader");
  require(hasClock, "readMode lease needs monotonicTicks");
  require(maxClockDriftTicks >= 0 &&
    maxClockDriftTicks < electionTick, "maxClockDriftTicks must be below electionTick");
}

function require(condition: boolean, what: string): void {
  if (!condition) throw new RaftError("INVALID_ARGUMENT", `Raft configuration: ${what}.`);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Never asked in the safe mode. */
function noClock(): number {
  return 0;
}
