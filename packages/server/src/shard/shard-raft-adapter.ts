import type { Entry, SnapshotMetadata } from "@titan-kv/raft";
import { EntryType } from "@titan-kv/raft";
import type { ReceivedState, StateMachine, StateSnapshot } from "@titan-kv/raft/host";
import type { ReplicaStore } from "../storage/replica-store.ts";
import type { AppliedResults } from "./applied-result.ts";
import { decodeCounters } from "./shard-counters.ts";
import type { LogEntry, ShardStateMachine } from "./shard-state-machine.ts";

const noBytes = new Uint8Array(0);

function toLogEntry({ type, index, term, data }: Entry): LogEntry {
  // A change of membership is the group's own business; it only counts.
  return { index, term, data: type === EntryType.Normal ? data : noBytes };
}

/** How long what was applied may be staged before it goes to the store, in milliseconds. */
const settleDelayMs = 10;

/** A shard's state machine and store in the shape that the raft host drives. */
export class ShardRaftAdapter implements StateMachine<AppliedResults | undefined> {
  readonly #machine: ShardStateMachine;
  readonly #store: ReplicaStore;
  readonly #onApplied: (entries: readonly Entry[], results: readonly (AppliedResults | undefined)[]) => void;
  /** What survives a crash: the store is flushed before it is opened for use. */
  #durableIndex: number;

  constructor(fields: {
    machine: ShardStateMachine;
    store: ReplicaStore;
    /** Told about everything that was applied, for watches. */
    onApplied: (entries: readonly Entry[], results: readonly (AppliedResults | undefined)[]) => void;
  }) {
    this.#machine = fields.machine;
    this.#store = fields.store;
    this.#onApplied = fields.onApplied;
    this.#durableIndex = fields.machine.appliedIndex;
    this.#store.beforeUse = () => this.#machine.settle();
    this.#machine.onAhead = () => {
      setTimeout(() => this.#settleNow(), settleDelayMs);
    };
  }

  appliedIndex(): number {
    return this.#durableIndex;
  }

  /** A leader whose store has failed must not go on leading: every read would fail until something is applied. */
  onFailure(stop: (error: unknown) => void): void {
    this.#machine.onFailure = stop;
  }

  apply(entries: readonly Entry[]): readonly (AppliedResults | undefined)[] {
    const results = this.#machine.apply(entries.map(toLogEntry));
    this.#onApplied(entries, results);
    return results;
  }

  #settleNow(): void {
    try {
      this.#machine.settle();
    } catch {
      // Told to `onFailure`.
    }
  }

  async snapshot(): Promise<StateSnapshot> {
    return this.#store.checkpoint();
  }

  async receive(_metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<ReceivedState> {
    const received = await this.#store.receive(chunks);
    return {
      install: () =>
        received.install(() => {
          this.#machine.reload();
          this.#durableIndex = this.#machine.appliedIndex;
        }),
      discard: () => received.discard(),
    };
  }

  /** Makes what was applied so far durable, so that the log may be shortened up to there. */
  async flush(): Promise<void> {
    const meta = await this.#store.flush();
    if (meta !== undefined)
      this.#durableIndex = Math.max(this.#durableIndex, decodeCounters(meta).appliedIndex);
  }
}
