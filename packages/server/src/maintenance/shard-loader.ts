import { RestoreStep, type SnapshotRecord } from "../shard/restore-command.ts";
import type { RestoreProposer } from "./restore-proposer.ts";
import { blockTargetBytes, RecordsBuilder } from "./snapshot-format.ts";

/**
 * Loads records into one shard: one Load is under way while the next is being filled, so a restore holds two of them per
 * shard in memory, whatever the size of the snapshot.
 */
export class ShardLoader {
  readonly #shard: number;
  readonly #number: number;
  readonly #proposer: RestoreProposer;
  readonly #builder = new RecordsBuilder();
  #underWay: Promise<unknown> = Promise.resolve();
  #loads = 0;
  #keys = 0;

  constructor(fields: { shard: number; number: number; proposer: RestoreProposer }) {
    this.#shard = fields.shard;
    this.#number = fields.number;
    this.#proposer = fields.proposer;
  }

  /** Resolves when there is room for the next record. @throws what the last Load was refused with. */
  async add(record: SnapshotRecord): Promise<void> {
    this.#builder.add(record);
    if (this.#builder.bytes >= blockTargetBytes) await this.#send();
  }

  /** Loads what is left, and seals the shard. @throws ApiError when it has not got everything. */
  async seal(fields: { readonly revision: number; readonly forgottenThroughMs: number }): Promise<void> {
    if (this.#builder.keys > 0) await this.#send();
    await this.#underWay;
    const [loads, keys] = [this.#loads, this.#keys];
    await this.#proposer.step(this.#shard, {
      step: RestoreStep.Seal,
      number: this.#number,
      loads,
      keys,
      ...fields,
    });
  }

  async #send(): Promise<void> {
    await this.#underWay;
    const { records, keys } = this.#builder.take();
    const position = this.#loads;
    this.#loads += 1;
    this.#keys += keys;
    this.#underWay = this.#proposer.step(this.#shard, {
      step: RestoreStep.Load,
      number: this.#number,
      position,
      records,
    });
    // Whoever adds or seals next hears of a failure; until then it must not end the process.
    this.#underWay.catch(() => undefined);
  }
}
