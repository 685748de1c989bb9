/**
 * Keeps the replicas on this node as the cluster map wants them: opens those it should have, closes and deletes those that
 * are neither wanted nor members any more. Driven by the map alone, one change at a time, so it can be interrupted
 * anywhere and goes on from what it finds.
 */
import { rm } from "node:fs/promises";
import type { Logger } from "pino";
import { type ClusterMap, metaShard, nodeOfReplica, type ShardRecord } from "../meta/cluster-map.ts";
import type { HostedShard } from "./hosted-replica.ts";
import { openShard, type ShardEnvironment } from "./open-shard.ts";

/** Told when a replica begins or ends to serve. */
export interface LocalShardsListener {
  opened(hosted: HostedShard): void;
  closed(hosted: HostedShard): void;
}

/** The replica of a shard that this node should run: a wanted one, or one that is still a member. */
export function replicaHere(shard: ShardRecord, node: number): number | undefined {
  const wanted = shard.replicas.find((replica) => replica.node === node)?.replica;
  return wanted ?? shard.members.find((replica) => nodeOfReplica(replica) === node);
}

export class LocalShards {
  readonly #environment: ShardEnvironment;
  readonly #listener: LocalShardsListener;
  readonly #logger: Logger;
  readonly #hosted = new Map<number, HostedShard>();
  #work: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(fields: { environment: ShardEnvironment; listener: LocalShardsListener; logger: Logger }) {
    this.#environment = fields.environment;
    this.#listener = fields.listener;
    this.#logger = fields.logger;
  }

  get(shard: number): HostedShard | undefined {
    return this.#hosted.get(shard);
  }

  all(): HostedShard[] {
    return [...this.#hosted.values()];
  }

  /** Follows a map; resolves when that is done. Calls are worked off in order. */
  follow(map: ClusterMap): Promise<void> {
    this.#work = this.#work.then(() => this.#follow(map));
    return this.#work;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#work;
    await Promise.all(this.all().map(({ store }) => store.close()));
  }

  async #follow(map: ClusterMap): Promise<void> {
    const { node } = this.#environment;
    for (const shard of map.shards) {
      if (this.#stopped || shard.id === metaShard) continue;
      const wanted = replicaHere(shard, node);
      const hosted = this.#hosted.get(shard.id);
      if (hosted?.replica === wanted) continue;
      try {
        // oxlint-disable-next-line no-await-in-loop -- one change at a time, so that a failure leaves the rest alone
        if (hosted !== undefined) await this.#remove(hosted);
        // oxlint-disable-next-line no-await-in-loop -- as above
        if (wanted !== undefined) await this.#open(shard, wanted);
      } catch (error) {
        this.#logger.error(
          { err: error, shard: shard.id, replica: wanted },
          "a replica could not be opened or removed",
        );
      }
    }
  }

  async #open(shard: ShardRecord, replica: number): Promise<void> {
    const hosted = await openShard(this.#environment, shard, replica);
    this.#hosted.set(shard.id, hosted);
    this.#listener.opened(hosted);
    this.#logger.info({ shard: shard.id, replica }, "replica opened");
  }

  async #remove(hosted: HostedShard): Promise<void> {
    this.#hosted.delete(hosted.shard);
    this.#listener.closed(hosted);
    await this.#environment.host.removeGroup(hosted.shard);
    await hosted.store.close();
    await rm(hosted.directory, { recursive: true, force: true });
    this.#logger.info({ shard: hosted.shard, replica: hosted.replica }, "replica removed");
  }
}
