/** Puts this node's replica of the meta group together. */
import { join } from "node:path";
import type { Host } from "@titan-kv/raft/host";
import { type ClusterMap, metaShard } from "../meta/cluster-map.ts";
import { MetaStateMachine } from "../meta/meta-state-machine.ts";
import { ReplicaStore } from "../storage/replica-store.ts";
import type { HostedMeta } from "./hosted-replica.ts";

export async function openMeta(fields: {
  readonly host: Host;
  readonly directory: string;
  readonly replica: number;
  /** The voters with which the group begins; empty on a node that joined. */
  readonly founders: readonly number[];
  readonly onChange: (map: ClusterMap) => void;
}): Promise<HostedMeta> {
  const { host, replica, founders, onChange } = fields;
  const store = await ReplicaStore.open({ directory: join(fields.directory, "meta"), ordered: false });
  try {
    const machine = new MetaStateMachine({ store, onChange });
    const options = { group: metaShard, replica, stateMachine: machine };
    const create = founders.includes(replica) ? { ...options, voters: founders } : options;
    const group = host.groups().includes(metaShard)
      ? await host.openGroup(options)
      : await host.createGroup(create);
    return { replica, store, machine, group };
  } catch (error) {
    await store.close();
    throw error;
  }
}
