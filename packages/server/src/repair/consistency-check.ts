/**
 * Compares whole replicas at points of the log, in the background.
 *
 * Now and then the leader puts a point of comparison into the log. Every replica notes there what the log has done so far
 * (a hash that runs along) and, less often, what it holds (digests of its slots, computed from a snapshot while the shard
 * goes on). The leader collects the answers. Replicas that differ have diverged, whatever the reason; a value is never
 * voted on, but which replica is out of line can be said: one that differs from a majority. It is replaced by a fresh copy
 * under a new id. If the leader itself is the odd one, or if no majority agrees, nobody can tell who is right: an alarm is
 * raised, the replica takes itself out of service, and an operator decides.
 */
import { randomInt } from "node:crypto";
import type { Logger } from "pino";
import { ApiError } from "../http/api-error.ts";
import type { HostedShard } from "../node/hosted-replica.ts";
import { encodeVerifyPoint } from "../shard/command.ts";
import type { VerifyPoint } from "../shard/shard-state-machine.ts";
import { differingSlots, digestSlots, type SlotDigests } from "./slot-digests.ts";

/** What a replica found at a point of comparison. */
export interface PointReport {
  readonly index: number;
  readonly chainHash: number;
  /** Absent at points that did not ask for digests. */
  readonly digests: SlotDigests | undefined;
}

/** What a comparison came to: nodes by what their replica holds, compared with the leader's. */
export interface Comparison {
  readonly same: readonly number[];
  readonly differing: readonly number[];
  readonly silent: readonly number[];
}

/** How long the others' answers are waited for, and how often they are asked again, in milliseconds. */
const answerLimitMs = 60_000;
const askAgainMs = 250;
/** Reports of a shard that are kept: another replica may ask for a point when the next one has been reached. */
const keptReports = 4;
/** How long an operator waits for a node that cannot be reached, in milliseconds. */
const unreachableLimitMs = 2000;
/** Ids of points are below this. */
const pointIdRange = 2 ** 47;

/** What the check needs of its node. */
export interface ConsistencyContext {
  readonly shards: () => readonly HostedShard[];
  readonly otherHolders: (shard: number) => readonly number[];
  /** Asks another node for its report of a point; `undefined` while it has none. */
  readonly report: (node: number, shard: number, index: number) => Promise<PointReport | undefined>;
  /** A replica on that node differs from a majority. */
  readonly onDiverged: (shard: number, node: number) => void;
  /** The replica here, which leads, is the odd one, or there is no majority. */
  readonly onUndecided: (shard: number) => void;
  /** A record turned out to be damaged while everything was read. */
  readonly onDamage: (shard: number, error: unknown) => void;
  readonly intervalMs: number;
  /** Points with digests are at least this far apart. */
  readonly digestIntervalMs: number;
  readonly now: () => number;
  readonly wallClock: () => number;
  readonly logger: Logger;
}

const leadershipLost = new ApiError({
  reason: "NOT_LEADER",
  outcome: "NOT_APPLIED",
  message: "leadership changed before the replicas were compared",
});

export class ConsistencyCheck {
  readonly #context: ConsistencyContext;
  /** The last reports of each shard's replica here, the newest at the end. */
  readonly #reports = new Map<number, PointReport[]>();
  readonly #lastDigestMs = new Map<number, number>();
  /** Points that somebody waits for, by id. */
  readonly #awaited = new Map<number, PromiseWithResolvers<Comparison>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(context: ConsistencyContext) {
    this.#context = context;
  }

  start(): void {
    this.#timer = setInterval(() => this.#proposePoints(), this.#context.intervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Follows the points of comparison of a replica that begins to serve. */
  follow(hosted: HostedShard): void {
    hosted.local.replica.machine.onVerifyPoint = (point) => {
      this.#atPoint(hosted, point).catch((error: unknown) => {
        this.#awaited.get(point.id)?.reject(error);
        this.#context.onDamage(hosted.shard, error);
      });
    };
  }

  /** What the replica here found at a point; `undefined` when it is not there yet, or past it. */
  reportOf(shard: number, index: number): PointReport | undefined {
    return this.#reports.get(shard)?.find((report) => report.index === index);
  }

  /** Compares contents and history of a shard that is led here, now. @throws RaftError, or what reading throws. */
  async compareNow({ shard, group }: HostedShard): Promise<Comparison> {
    const { wallClock } = this.#context;
    const id = randomInt(pointIdRange);
    const awaited = Promise.withResolvers<Comparison>();
    // Settled before anybody waits for it when the proposal fails.
    awaited.promise.catch(() => undefined);
    this.#awaited.set(id, awaited);
    try {
      await group.propose(encodeVerifyPoint(wallClock(), id, true));
      this.#lastDigestMs.set(shard, this.#context.now());
      return await awaited.promise;
    } finally {
      this.#awaited.delete(id);
    }
  }

  #proposePoints(): void {
    const { shards, now, wallClock, digestIntervalMs, logger } = this.#context;
    for (const { shard, group, local } of shards()) {
      if (!local.replica.leadership.isLeader) continue;
      const lastMs = this.#lastDigestMs.get(shard) ?? Number.NEGATIVE_INFINITY;
      const withDigests = now() - lastMs >= digestIntervalMs;
      if (withDigests) this.#lastDigestMs.set(shard, now());
      group
        .propose(encodeVerifyPoint(wallClock(), wallClock(), withDigests))
        .catch((error: unknown) => logger.debug({ err: error, shard }, "no point of comparison"));
    }
  }

  async #atPoint(hosted: HostedShard, point: VerifyPoint): Promise<void> {
    const { shard } = hosted;
    const { index, chainHash, withDigests } = point;
    // Taken before anything else happens: the snapshot has to be of exactly this point.
    const snapshot = withDigests ? hosted.store.engine.snapshot() : undefined;
    const report = {
      index,
      chainHash,
      digests: snapshot === undefined ? undefined : await digestSlots(snapshot),
    };
    this.#reports.set(shard, [...(this.#reports.get(shard) ?? []), report].slice(-keptReports));
    const awaited = this.#awaited.get(point.id);
    if (!hosted.local.replica.leadership.isLeader) {
      awaited?.reject(leadershipLost);
      return;
    }
    const patienceMs = awaited === undefined ? answerLimitMs : unreachableLimitMs;
    const comparison = await this.#compare(hosted, report, patienceMs);
    awaited?.resolve(comparison);
  }

  async #compare(hosted: HostedShard, own: PointReport, patienceMs: number): Promise<Comparison> {
    const { otherHolders, onDiverged, onUndecided, logger } = this.#context;
    const { shard } = hosted;
    const nodes = otherHolders(shard);
    const reports = await Promise.all(
      nodes.map((node) => this.#ask({ node, shard, index: own.index, patienceMs })),
    );
    const differing = nodes.filter((_, at) => reports[at] !== undefined && !isSame(own, reports[at]));
    const silent = nodes.filter((_, at) => reports[at] === undefined);
    const same = nodes.filter((_, at) => reports[at] !== undefined && isSame(own, reports[at]));
    if (differing.length === 0) return { same, differing, silent };
    const agreeing = same.length + 1;
    const slots = differing.map((node) => slotsOf(own, reports[nodes.indexOf(node)]!));
    logger.error(
      { shard, index: own.index, differing, slots },
      "replicas differ at the same point of the log",
    );
    const replicas = nodes.length + 1;
    if (agreeing * 2 > replicas) for (const node of differing) onDiverged(shard, node);
    // A replica that has not answered agrees with nobody: only when most of them differ is this one known to be alone.
    else if (differing.length * 2 > replicas) onUndecided(shard);
    return { same, differing, silent };
  }

  /** A replica that is away, or behind, is compared at a later point. */
  async #ask(asked: {
    readonly node: number;
    readonly shard: number;
    readonly index: number;
    /** For how long a node that cannot be reached is tried. */
    readonly patienceMs: number;
  }): Promise<PointReport | undefined> {
    const { node, shard, index, patienceMs } = asked;
    const { report, now } = this.#context;
    const beganMs = now();
    for (let sinceMs = 0; sinceMs < answerLimitMs; sinceMs = now() - beganMs) {
      let isReachable = true;
      // oxlint-disable-next-line no-await-in-loop -- asked again until it is there
      const answer = await report(node, shard, index).catch(() => {
        isReachable = false;
        return undefined;
      });
      if (answer !== undefined) return answer;
      if (this.reportOf(shard, index) === undefined) return undefined;
      if (!isReachable && sinceMs >= patienceMs) return undefined;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await new Promise((resolve) => setTimeout(resolve, askAgainMs));
    }
    return undefined;
  }
}

function isSame(a: PointReport, b: PointReport): boolean {
  return a.chainHash === b.chainHash && slotsOf(a, b).length === 0;
}

function slotsOf(a: PointReport, b: PointReport): number[] {
  return a.digests === undefined || b.digests === undefined ? [] : differingSlots(a.digests, b.digests);
}
