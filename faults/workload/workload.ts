/** All callers of a round: some that know the cluster, some that stay with one node, some that repeat everything. */
import { connect, textCodec, type TitanClient } from "@titan-kv/client";
import type { FaultCluster } from "../cluster/fault-cluster.ts";
import { Random } from "../random.ts";
import { Caller } from "./caller.ts";
import type { History } from "./history.ts";
import { KeySpace } from "./key-space.ts";
import { RepeatingCaller } from "./repeating-caller.ts";
import type { ShardSlots } from "./shard-slots.ts";

/** Callers that go straight to the leaders. */
const directCallers = 6;
/** Callers that stay with one node, for each of the founders: their requests are passed on, their reads served by followers. */
const pinnedCallersPerNode = 2;
const repeatingCallers = 2;
/** Time of a call with all its retries, in milliseconds. */
const callTimeoutMs = 2000;
/** Longest pause of a caller between two operations, in milliseconds. */
const maxPauseMs = 10;

/** What a round's workload is made of. */
export interface WorkloadFields {
  readonly cluster: FaultCluster;
  readonly history: History;
  readonly slots: ShardSlots;
  readonly seed: number;
  /** Tells the keys of this round from those of others. */
  readonly round: string;
}

export class Workload {
  readonly #clients: TitanClient<string, string>[] = [];
  readonly #running: Promise<void>[] = [];
  #stopped = false;

  /** Connects everybody and begins. The cluster must be ready. */
  static async start(fields: WorkloadFields): Promise<Workload> {
    const workload = new Workload();
    const founders = fields.cluster.members.map(({ address }) => address);
    const keys = new KeySpace({ name: fields.round, slots: fields.slots });
    let number = 0;
    const begin = async (seeds: string[], directRouting: boolean, callers: number): Promise<void> => {
      const client = await connect({ seeds, directRouting, codec: textCodec, timeoutMs: callTimeoutMs });
      workload.#clients.push(client);
      for (let count = 0; count < callers; count += 1) {
        number += 1;
        const random = new Random(fields.seed, `${fields.round} caller ${number}`);
        const { history } = fields;
        const ledgerPrefix = `ledger.${fields.round}.${number}.`;
        const caller = new Caller({ number, client, keys, history, random, ledgerPrefix });
        workload.#repeat(() => caller.act(), random);
      }
    };
    await begin(founders, true, directCallers);
    for (const address of founders) await begin([address], false, pinnedCallersPerNode);
    for (let count = 0; count < repeatingCallers; count += 1) {
      number += 1;
      const random = new Random(fields.seed, `${fields.round} caller ${number}`);
      const { history } = fields;
      const addresses = (): string[] => fields.cluster.members.map(({ address }) => address);
      const caller = new RepeatingCaller({ number, addresses, keys, history, random });
      workload.#repeat(() => caller.act(), random);
    }
    return workload;
  }

  /** Lets everybody finish what they are doing. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  #repeat(act: () => Promise<void>, random: Random): void {
    const run = async (): Promise<void> => {
      while (!this.#stopped) {
        await act();
        await new Promise((resolve) => setTimeout(resolve, random.fraction() * maxPauseMs));
      }
    };
    this.#running.push(run());
  }
}
