import { Random } from "./random.ts";

/** Kinds of faults. Each seed draws a few of them: rare combinations of few kinds find more than all kinds at once. */
export const faultKinds = [
  "loss",
  "duplication",
  "delay",
  "partition",
  "oneWayPartition",
  "crash",
  "powerLoss",
  "pause",
  "diskStall",
  "diskError",
  "bitFlip",
  "clockDrift",
  "membership",
  "transfer",
  "stepDown",
] as const;

/** Faults that only whole nodes can have; they are drawn apart, so that the seeds of single groups stay what they are. */
export const hostFaultKinds = ["misdirectedWrite", "wipe", "slowSnapshots"] as const;
export type FaultKind = (typeof faultKinds)[number] | (typeof hostFaultKinds)[number];
/** Every kind. */
export const allFaultKinds: readonly FaultKind[] = [...faultKinds, ...hostFaultKinds];

/** What a seed decides before anything happens. */
export interface Swarm {
  readonly seed: number;
  readonly voters: number;
  /** Replicas that are not members at first. */
  readonly spares: number;
  readonly faults: ReadonlySet<FaultKind>;
  /** How long the faults last, and how long the group then has to heal. */
  readonly safetyMs: number;
  readonly healingMs: number;
  /** Mean time between two things that the nemesis does. */
  readonly nemesisMs: number;
  readonly tickMs: number;
  readonly electionTick: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly lease: boolean;
  /** Whether a replica is told when it stood still; leases must be right also when it is not. */
  readonly suspensionNoticed: boolean;
  readonly maxBytesPerMessage: number;
  readonly maxInflightMessages: number;
  readonly network: { readonly minDelayMs: number; readonly maxDelayMs: number };
  readonly disk: { readonly minLatencyMs: number; readonly maxLatencyMs: number };
  readonly applyMs: number;
  /** A snapshot is taken after this many entries, and so many older ones are kept. */
  readonly snapshotEvery: number;
  readonly keptEntries: number;
  /** Whether the application survives a crash by itself, or is rebuilt from snapshot and log. */
  readonly durableApplication: boolean;
  readonly clients: number;
  readonly keys: number;
  readonly thinkMs: number;
  readonly readShare: number;
  readonly followerReads: boolean;
}

/** The configuration of a seed. Faults in `without` are left out whatever the seed says, to find out which matter. */
export function drawSwarm(seed: number, without: ReadonlySet<FaultKind> = new Set()): Swarm {
  const random = new Random(seed);
  const drawn = new Set<FaultKind>();
  for (const kind of faultKinds) if (random.chance(0.45)) drawn.add(kind);
  const apart = new Random(seed ^ 0xd15c);
  for (const kind of hostFaultKinds) if (apart.chance(0.4)) drawn.add(kind);
  const lease = random.chance(0.3);
  const maxInflightMessages = random.pick([1, 4, 64]);
  const swarm: Swarm = {
    seed,
    voters: random.pick([1, 2, 3, 3, 3, 3, 3, 5, 5, 5]),
    spares: random.pick([0, 1, 2]),
    faults: new Set([...drawn].filter((kind) => !without.has(kind))),
    safetyMs: 6000,
    healingMs: 6000,
    nemesisMs: random.pick([60, 150, 400]),
    tickMs: 10,
    electionTick: 10,
    preVote: random.chance(0.75),
    checkQuorum: lease || random.chance(0.6),
    lease,
    suspensionNoticed: random.chance(0.5),
    // One entry at a time, each waiting for the one before, would be too slow to recover in time.
    maxBytesPerMessage: random.pick(maxInflightMessages === 1 ? [64, 4096] : [1, 64, 4096]),
    maxInflightMessages,
    network: { minDelayMs: 0.5, maxDelayMs: random.pick([1, 5, 20]) },
    disk: { minLatencyMs: 0.1, maxLatencyMs: random.pick([1, 5, 30]) },
    applyMs: random.pick([0, 1, 10]),
    snapshotEvery: random.pick([10, 30, 1000]),
    keptEntries: random.pick([0, 5]),
    durableApplication: random.chance(0.5),
    clients: 2 + random.below(4),
    keys: 1 + random.below(3),
    thinkMs: random.pick([5, 20, 60]),
    readShare: random.pick([0.2, 0.5, 0.8]),
    followerReads: random.chance(0.5),
  };
  return swarm;
}
