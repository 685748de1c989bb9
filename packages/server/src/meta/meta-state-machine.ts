/** The state machine of the meta group: the cluster map, kept in a store of its own. */
import { type Entry, EntryType, type SnapshotMetadata } from "@titan-kv/raft";
import type { ReceivedState, StateMachine, StateSnapshot } from "@titan-kv/raft/host";
import type { ReplicaStore } from "../storage/replica-store.ts";
import { applyMetaCommand } from "./apply-meta-command.ts";
import { type ClusterMap, emptyClusterMap } from "./cluster-map.ts";
import { decodeMetaCommand, type MetaResult } from "./meta-command.ts";

const mapKey = Buffer.from("map");
const indexBytes = 8;

function encodeIndex(index: number): Uint8Array {
  const bytes = Buffer.alloc(indexBytes);
  bytes.writeBigUInt64LE(BigInt(index));
  return bytes;
}

function decodeIndex(meta: Uint8Array | undefined): number {
  return meta === undefined ? 0 : Number(Buffer.from(meta).readBigUInt64LE());
}

export class MetaStateMachine implements StateMachine<MetaResult | undefined> {
  readonly #store: ReplicaStore;
  readonly #onChange: (map: ClusterMap) => void;
  #map: ClusterMap = emptyClusterMap;
  #durableIndex = 0;

  constructor(fields: { store: ReplicaStore; onChange: (map: ClusterMap) => void }) {
    this.#store = fields.store;
    this.#onChange = fields.onChange;
    this.#load();
  }

  get map(): ClusterMap {
    return this.#map;
  }

  appliedIndex(): number {
    return this.#durableIndex;
  }

  apply(entries: readonly Entry[]): readonly (MetaResult | undefined)[] {
    const before = this.#map;
    let map = before;
    const results = entries.map(({ type, data }): MetaResult | undefined => {
      if (type !== EntryType.Normal || data.length === 0) return undefined;
      const outcome = applyMetaCommand(map, decodeMetaCommand(data));
      map = outcome.map;
      return outcome.result;
    });
    const value = Buffer.from(JSON.stringify(map));
    const changes =
      map === before
        ? []
        : [{ type: "put" as const, key: mapKey, value, version: map.version, expiresAtMs: 0 }];
    this.#store.write(changes, encodeIndex(entries.at(-1)!.index));
    this.#map = map;
    if (map !== before) this.#onChange(map);
    return results;
  }

  async snapshot(): Promise<StateSnapshot> {
    return this.#store.checkpoint();
  }

  async receive(_metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<ReceivedState> {
    const received = await this.#store.receive(chunks);
    return {
      install: () =>
        received.install(() => {
          this.#load();
          this.#onChange(this.#map);
        }),
      discard: () => received.discard(),
    };
  }

  /** Makes what was applied so far durable, so that the log may be shortened up to there. */
  async flush(): Promise<void> {
    this.#durableIndex = Math.max(this.#durableIndex, decodeIndex(await this.#store.flush()));
  }

  #load(): void {
    const stored = this.#store.getEntry(mapKey);
    this.#map =
      stored === undefined
        ? emptyClusterMap
        : (JSON.parse(Buffer.from(stored.value).toString()) as ClusterMap);
    this.#durableIndex = decodeIndex(this.#store.meta());
  }
}
