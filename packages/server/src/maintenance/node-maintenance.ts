/** What a node does to itself when it is asked to, through its own API or by another node. */
import { type Alarm_Kind as AlarmKind, type VerifyResponse, VerifyResponseSchema } from "@titan-kv/proto";
import { Alarm_Kind } from "@titan-kv/proto";
import { create } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { ApiError, invalidArgument } from "../http/api-error.ts";
import { apiErrorOfRaft } from "../kv/raft-errors.ts";
import type { AlarmBoard } from "../node/alarm-board.ts";
import type { NodeRuntime } from "../node/node-runtime.ts";
import type { Comparison, ConsistencyCheck } from "../repair/consistency-check.ts";
import type { HostedShard } from "../node/hosted-replica.ts";
import type { Repairer } from "../repair/repairer.ts";
import { CommandKind, readHeader } from "../shard/command.ts";
import { openLocalView, type ShardView } from "./shard-view.ts";
import { scrubReplica } from "./scrub-replica.ts";

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** The parts of a node that are looked after. */
export interface NodeParts {
  readonly runtime: NodeRuntime;
  readonly repairer: Repairer;
  readonly check: ConsistencyCheck;
  readonly alarms: AlarmBoard;
  readonly logger: Logger;
}

export class NodeMaintenance {
  readonly #parts: NodeParts;

  constructor(parts: NodeParts) {
    this.#parts = parts;
  }

  /** Opens a view of the replica here. @throws ApiError WRONG_SHARD when there is none, or as `openLocalView` does. */
  openView(shard: number): Promise<ShardView> {
    return openLocalView(this.#hosted(shard));
  }

  /** Proposes a step of a restore here; resolves with the shard's packed answer. @throws ApiError */
  async restoreStep(shard: number, command: Uint8Array): Promise<number> {
    const { group, local } = this.#hosted(shard);
    if (readHeader(command).kind !== CommandKind.Restore)
      throw invalidArgument("command", "is not a restore's");
    try {
      const results = await group.propose(command);
      return results!.packed[0]!;
    } catch (error) {
      throw apiErrorOfRaft(error, local.replica.hint());
    }
  }

  /** Reads all replicas of this node, one after the other. */
  async *scrub(signal: AbortSignal): AsyncGenerator<VerifyResponse, void> {
    const { runtime, repairer } = this.#parts;
    for (const hosted of runtime.shards.all()) {
      for await (const { records, damaged, repaired, problem } of scrubReplica(
        hosted,
        repairer.heal,
        signal,
      )) {
        yield create(VerifyResponseSchema, {
          node: runtime.node,
          shard: hosted.shard,
          records: BigInt(records),
          damaged: BigInt(damaged),
          repaired: BigInt(repaired),
          problem,
        });
      }
    }
  }

  /** Compares the replicas of a shard that is led here. @throws ApiError */
  async compare(shard: number): Promise<Comparison> {
    const hosted = this.#hosted(shard);
    try {
      return await this.#parts.check.compareNow(hosted);
    } catch (error) {
      throw apiErrorOfRaft(error, hosted.local.replica.hint());
    }
  }

  /** Merges all data files, shortens all logs; returns the bytes won back. */
  async compact(): Promise<number> {
    const { runtime } = this.#parts;
    let freedBytes = 0;
    for (const { store, adapter, group } of runtime.shards.all()) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other: together they would wait for each other's disk
      const { bytesReclaimed } = await store.engine.merge({ force: true });
      freedBytes += bytesReclaimed;
      // What the store has made durable is no longer needed in the log.
      // oxlint-disable-next-line no-await-in-loop -- as above
      await adapter.flush();
      // oxlint-disable-next-line no-await-in-loop -- as above
      await group.compact();
    }
    await runtime.meta?.machine.flush();
    await runtime.meta?.group.compact();
    return freedBytes;
  }

  /** Clears alarms; returns how many there were. */
  clearAlarm(kind: AlarmKind, shard: number | undefined): number {
    const { alarms, runtime, logger } = this.#parts;
    const dismissed = alarms.dismiss(kind, shard);
    if (kind !== Alarm_Kind.DIVERGED) return dismissed.length;
    for (const alarm of dismissed) {
      // An operator has decided which replica is right. The next comparison takes it out again if it is not.
      const replica = runtime.router.local(alarm.shard)?.replica;
      if (replica?.fencedBecause === undefined) continue;
      logger.warn({ shard: alarm.shard }, "the replica serves again: its alarm was cleared");
      replica.fencedBecause = undefined;
    }
    return dismissed.length;
  }

  /** @throws ApiError INVALID_ARGUMENT for a level that there is not. */
  setLogLevel(level: string): void {
    const known = logLevels.find((each) => each === level);
    if (known === undefined) throw invalidArgument("level", `must be one of ${logLevels.join(", ")}`);
    this.#parts.logger.level = known;
  }

  #hosted(shard: number): HostedShard {
    const hosted = this.#parts.runtime.shards.get(shard);
    if (hosted !== undefined) return hosted;
    throw new ApiError({
      reason: "WRONG_SHARD",
      outcome: "NOT_APPLIED",
      message: `this node has no replica of shard ${shard}`,
    });
  }
}
