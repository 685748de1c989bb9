/**
 * The state machine of one replica and everything that moves its state as a whole: taking a snapshot, shortening the log,
 * handing the state to another replica, taking in another replica's state.
 */
import type { Configuration } from "../core/configuration.ts";
import type { LogReader } from "../core/log-reader.ts";
import { RaftError } from "../core/raft-error.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import type { ProgressStatus } from "../core/status.ts";
import type { ApplyPipeline } from "./apply-pipeline.ts";
import type { CompactionRule } from "./compaction-rule.ts";
import type { LogStorage } from "./log-storage.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import type { ReceivedState, StateMachine, StateSnapshot } from "./state-machine.ts";

/** What the keeper works with. */
export interface StateKeeperOptions {
  readonly group: number;
  readonly stateMachine: StateMachine;
  readonly snapshots: SnapshotStore | undefined;
  readonly log: LogStorage;
  readonly reader: LogReader;
  readonly pipeline: ApplyPipeline;
  readonly rule: CompactionRule;
  /** Up to where the core has applied. */
  readonly coreApplied: () => number;
  readonly now: () => number;
}

/** A state that is on its way out, and what it is the state of. */
export interface CapturedState {
  readonly metadata: SnapshotMetadata;
  readonly snapshot: StateSnapshot;
}

/** A received state, and what it is the state of. */
interface Offered {
  readonly metadata: SnapshotMetadata;
  readonly state: ReceivedState;
}

/** Looks after the state of one replica. */
export class StateKeeper {
  readonly #options: StateKeeperOptions;
  #compacting: Promise<number> | undefined;
  /** Rarely more than one: it takes two leaders, and a turn in which the states of both are complete. */
  #offered: Offered[] = [];
  #closed = false;
  #accepted: Offered | undefined;

  constructor(options: StateKeeperOptions) {
    this.#options = options;
  }

  /** Whether a snapshot is being taken. */
  get compacting(): boolean {
    return this.#compacting !== undefined;
  }

  /** Takes hold of the state as it is after everything applied so far. */
  capture(): Promise<CapturedState> {
    const { group, pipeline, stateMachine } = this.#options;
    return pipeline.exclusively(async () => {
      if (!this.#isInStep) {
        const message = `The state of group ${group} is being replaced; ask again.`;
        throw new RaftError("UNAVAILABLE", message);
      }
      const metadata = this.#metadataAt(pipeline.stateIndex);
      return { metadata, snapshot: await stateMachine.snapshot() };
    });
  }

  /**
   * Takes a snapshot if the state machine lives in memory, and drops what it covers from the log, except what `followers`
   * may still need. Resolves with the last entry dropped, 0 when there was nothing to drop.
   */
  compact(followers: () => readonly ProgressStatus[], urgent: boolean): Promise<number> {
    this.#compacting ??= this.#compact(followers, urgent).finally(() => {
      this.#compacting = undefined;
    });
    return this.#compacting;
  }

  /** Takes in another replica's state, beside the present one. */
  async receive(metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<ReceivedState> {
    const { group, snapshots, stateMachine } = this.#options;
    if (snapshots === undefined) return stateMachine.receive(metadata, chunks);
    // Stored first: after a crash the state is found there, and the log can begin behind it.
    await snapshots.write(group, metadata, chunks);
    return stateMachine.receive(metadata, snapshots.read(group, metadata.index, 0));
  }

  /** A received state that the core is asked to accept. */
  offer(metadata: SnapshotMetadata, state: ReceivedState): void {
    if (this.#closed) discard({ metadata, state });
    else this.#offered.push({ metadata, state });
  }

  /**
   * The core has looked at every offer: it accepted the one of this snapshot, which will be installed when the log begins
   * behind it, and no other one.
   */
  settleOffers(accepted: SnapshotMetadata | undefined): void {
    if (this.#offered.length === 0) return;
    for (const offered of this.#offered) {
      if (accepted !== undefined && isOf(offered, accepted) && this.#accepted === undefined)
        this.#accepted = offered;
      else discard(offered);
    }
    this.#offered = [];
  }

  /** The group is removed from this node: nothing of its state is kept. */
  async forget(): Promise<void> {
    await this.#options.snapshots?.dropBefore(this.#options.group, Number.POSITIVE_INFINITY);
  }

  /** The replica has stopped. */
  close(): void {
    this.#closed = true;
    this.settleOffers(undefined);
    if (this.#accepted !== undefined) discard(this.#accepted);
    this.#accepted = undefined;
  }

  /** The log begins behind the accepted state: it takes the place of the present one. */
  async installAccepted(metadata: SnapshotMetadata): Promise<void> {
    const accepted = this.#accepted;
    this.#accepted = undefined;
    if (accepted === undefined || !isOf(accepted, metadata)) {
      throw new RaftError(
        "INVARIANT",
        `A snapshot of ${metadata.index} is to be installed, but was not received.`,
      );
    }
    await this.install(metadata, accepted.state);
    const { rule, now, snapshots, group } = this.#options;
    rule.begun(now(), metadata.index);
    rule.configurationChanged(metadata.index, metadata.configuration);
    if (snapshots !== undefined) await snapshots.dropBefore(group, metadata.index);
  }

  /** A state takes the place of the present one, if it is newer. */
  install(metadata: SnapshotMetadata, state: ReceivedState): Promise<void> {
    const { pipeline } = this.#options;
    return pipeline.exclusively(async () => {
      if (metadata.index <= pipeline.stateIndex) {
        await state.discard();
        return;
      }
      await state.install();
      pipeline.stateIndex = metadata.index;
    });
  }

  /**
   * Whether the state is the one that the core believes to be applied. It is not while the state machine waits to be
   * brought up to date, nor for a moment when a state has just been installed: then the configuration as of the state
   * is not known either.
   */
  get #isInStep(): boolean {
    const { pipeline, coreApplied } = this.#options;
    return !pipeline.held && pipeline.stateIndex === coreApplied();
  }

  async #compact(followers: () => readonly ProgressStatus[], urgent: boolean): Promise<number> {
    const { group, log, reader, rule, snapshots, stateMachine, now } = this.#options;
    if (!this.#isInStep) return 0;
    const metadata =
      snapshots === undefined ? this.#durableMetadata(stateMachine) : await this.#store(snapshots);
    rule.begun(now(), metadata?.index ?? 0);
    if (metadata === undefined || metadata.index < reader.snapshot().index) return 0;
    const dropped = reader.firstIndex() - 1;
    const through = Math.max(
      dropped,
      Math.min(metadata.index, rule.through(metadata.index, followers(), urgent)),
    );
    if (through === dropped && snapshots === undefined) return 0;
    await log.append([{ group, compact: { through, metadata } }]);
    if (snapshots !== undefined) await snapshots.dropBefore(group, metadata.index);
    return through;
  }

  /** What a state machine on disk says that it has applied durably. */
  #durableMetadata(stateMachine: StateMachine): SnapshotMetadata | undefined {
    const { pipeline, reader } = this.#options;
    const index = Math.min(stateMachine.appliedIndex(), pipeline.stateIndex, reader.lastIndex());
    return index < reader.firstIndex() ? undefined : this.#metadataAt(index);
  }

  async #store(snapshots: SnapshotStore): Promise<SnapshotMetadata> {
    const { metadata, snapshot } = await this.capture();
    try {
      await snapshots.write(this.#options.group, metadata, snapshot.read(0));
    } finally {
      await snapshot.close();
    }
    return metadata;
  }

  #metadataAt(index: number): SnapshotMetadata {
    const { group, reader, rule } = this.#options;
    const configuration: Configuration | undefined = rule.configurationAt(index);
    if (configuration === undefined) {
      throw new RaftError(
        "INVARIANT",
        `The configuration of group ${group} as of entry ${index} is not known.`,
      );
    }
    return { index, term: reader.term(index), configuration };
  }
}

function isOf({ metadata }: Offered, { index, term }: SnapshotMetadata): boolean {
  return metadata.index === index && metadata.term === term;
}

function discard({ state }: Offered): void {
  // Nobody waits for it, and what it leaves behind is found and deleted by the next transfer.
  Promise.resolve(state.discard()).catch(() => undefined);
}
