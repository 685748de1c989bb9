/**
 * Looks for replicas that differ, and heals what may be healed.
 *
 * Replicas of a shard may lag, they may not differ at the same applied index. So a comparison names an index, every replica
 * answers once it has applied it, and what is then different is either newer (lag, no finding), damaged (healed from
 * another replica), or divergence: that replica is fenced, and an operator, or a snapshot, replaces it. Values are never
 * voted on: with three replicas two can be wrong together, by the same defect.
 */
import type { Logger } from "pino";
import { ApiError } from "../http/api-error.ts";
import type { ShardReplica } from "../kv/shard-replica.ts";
import type { HostedShard } from "../node/hosted-replica.ts";
import { awaitApplied } from "./await-applied.ts";
import { DivergenceError, type FetchRecord, healRecord } from "./heal-record.ts";
import { fingerprintKeys, isDamage, type KeyFingerprint } from "./key-fingerprint.ts";
import { newRepairCounters, type RepairCounters } from "./repair-counters.ts";

/** Comparisons of sampled reads that may be under way at once; further samples are skipped. */
const maxComparisons = 16;

/** What another replica holds of a key, and how far it was when it looked. */
export interface RemoteFingerprint extends KeyFingerprint {
  readonly appliedIndex: number;
}

function isSame(a: KeyFingerprint, b: KeyFingerprint): boolean {
  return a.revision === b.revision && a.checksum === b.checksum;
}

/** What the repairer needs of its node. */
export interface RepairContext {
  hosted(shard: number): HostedShard | undefined;
  /** Nodes that hold a replica of a shard, without this one, the leader first. */
  otherHolders(shard: number): readonly number[];
  /** What another node's replica holds of a key once it has applied an index. */
  fingerprint(node: number, shard: number, key: Uint8Array, atIndex: number): Promise<RemoteFingerprint>;
  /** A replica on that node differs from the one here, which leads. */
  onDiverged(shard: number, node: number): void;
  readonly fetch: FetchRecord;
  /** Share of reads after which replicas are compared, 0 to 1. */
  readonly sampleShare: number;
  /** 0 inclusive to 1 exclusive. */
  readonly random: () => number;
  readonly logger: Logger;
}

export class Repairer {
  readonly counters: RepairCounters = newRepairCounters();
  readonly #context: RepairContext;
  /** Records being healed: readers that meet the same damage wait for one repair. */
  readonly #healing = new Map<string, Promise<void>>();
  #comparisons = 0;

  constructor(context: RepairContext) {
    this.#context = context;
  }

  /** After a read on the leader: compares the replicas now and then. Never makes the read wait. */
  readonly observe = (replica: ShardReplica, key: Uint8Array): void => {
    const { sampleShare, random, logger } = this.#context;
    if (sampleShare === 0 || !replica.leadership.isLeader || random() >= sampleShare) return;
    if (this.#comparisons >= maxComparisons) {
      this.counters.skipped += 1;
      return;
    }
    this.#comparisons += 1;
    this.#compare(replica, key)
      .catch((error: unknown) => {
        this.counters.skipped += 1;
        logger.debug({ err: error, shard: replica.shard }, "replicas could not be compared");
      })
      .finally(() => (this.#comparisons -= 1));
  };

  /** A read met a record that could not be read: heals it if it is damaged, or passes the error on. */
  readonly heal = async (replica: ShardReplica, key: Uint8Array, error: unknown): Promise<void> => {
    const hosted = this.#context.hosted(replica.shard);
    if (hosted === undefined || !isDamage(error)) throw error;
    const name = `${replica.shard} ${Buffer.from(key).toString("latin1")}`;
    let healing = this.#healing.get(name);
    if (healing === undefined) {
      healing = this.#heal(hosted, key, error).finally(() => this.#healing.delete(name));
      this.#healing.set(name, healing);
    }
    await healing;
  };

  async #heal(hosted: HostedShard, key: Uint8Array, damage: unknown): Promise<void> {
    const { logger, fetch } = this.#context;
    const { shard } = hosted;
    try {
      await healRecord(hosted, key, fetch);
      this.counters.repaired += 1;
      logger.warn({ shard, err: damage }, "a damaged record was fetched from another replica");
    } catch (error) {
      if (error instanceof DivergenceError) this.#diverged(hosted, error.message);
      logger.error({ shard, err: error }, "a damaged record could not be healed");
      throw new ApiError({
        reason: "CORRUPT",
        outcome: "NOT_APPLIED",
        message: "the record is damaged on this node and could not be fetched from another one",
        cause: error,
      });
    }
  }

  async #compare(replica: ShardReplica, key: Uint8Array): Promise<void> {
    const hosted = this.#context.hosted(replica.shard);
    if (hosted === undefined) return;
    const own = this.#fingerprintHere(hosted, key);
    const others = this.#context.otherHolders(replica.shard);
    const atIndex = replica.machine.appliedIndex;
    const answers = await Promise.allSettled(
      others.map((node) => this.#context.fingerprint(node, replica.shard, key, atIndex)),
    );
    for (const [index, answer] of answers.entries()) {
      if (answer.status === "rejected") this.counters.skipped += 1;
      // oxlint-disable-next-line no-await-in-loop -- a few replicas, each waiting for this one's log
      else await this.#judge(hosted, { key, own, other: answer.value, node: others[index]! });
    }
  }

  #fingerprintHere(hosted: HostedShard, key: Uint8Array): KeyFingerprint {
    const { machine } = hosted.local.replica;
    return fingerprintKeys(machine, [key], machine.logTimeMs)[0]!;
  }

  async #judge(
    hosted: HostedShard,
    found: { key: Uint8Array; own: KeyFingerprint; other: RemoteFingerprint; node: number },
  ): Promise<void> {
    const { key, own, other, node } = found;
    // A damaged record is healed by the replica that has it, when it is asked for its fingerprint.
    if (other.damaged || own.damaged) return;
    if (isSame(own, other)) {
      this.counters.match += 1;
      return;
    }
    // The other replica may have been further along. Once this one is as far: if the key has not changed here in between,
    // it had no reason to be different there.
    await awaitApplied(hosted.local.replica.machine, other.appliedIndex);
    if (!isSame(own, this.#fingerprintHere(hosted, key))) {
      this.counters.lag += 1;
      return;
    }
    this.counters.diverged += 1;
    this.#context.logger.error(
      { shard: hosted.shard, node, own, other },
      "replicas differ at the same point of the log",
    );
    this.#context.onDiverged(hosted.shard, node);
  }

  #diverged(hosted: HostedShard, reason: string): void {
    this.counters.diverged += 1;
    hosted.local.replica.fencedBecause = reason;
  }
}
