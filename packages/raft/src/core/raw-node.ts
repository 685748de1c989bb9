import { announceCommit, owesCommit } from "./commit-news.ts";
import type { ConfChange } from "./conf-change.ts";
import type { RawNodeConfig } from "./config.ts";
import type { Configuration } from "./configuration.ts";
import { startElection } from "./election.ts";
import { type Entry, EntryType } from "./entry.ts";
import type { HardState } from "./hard-state.ts";
import { applyChange, leaveJointIfDue, proposeChange } from "./membership.ts";
import type { Message } from "./message.ts";
import type { ProposeResult, ReadIndexOptions, ReadResult, TransferResult } from "./proposal-result.ts";
import { proposeCommands } from "./proposals.ts";
import { RaftError } from "./raft-error.ts";
import { sizeOf } from "./raft-log.ts";
import { startRead } from "./read-index.ts";
import type { AsyncReady, Ready, SoftState, StorageAppend, StorageApply } from "./ready.ts";
import type { Replica } from "./replica.ts";
import { becomeFollower } from "./roles.ts";
import { startReplica } from "./startup.ts";
import { describeReplica } from "./replica-status.ts";
import type { Status } from "./status.ts";
import { stepMessage } from "./step.ts";
import { suspendReplica, tickReplica } from "./ticks.ts";
import { startTransfer } from "./transfer.ts";
import { flush, hasWork, softStateChanged, takeAppend, takeApply, takeOutcome } from "./work.ts";

/**
 * One replica of one group: a deterministic state machine without clock, randomness, disk or network. Inputs are method
 * calls, outputs come out of `ready` (or `readyAsync`).
 *
 * A broken invariant throws a RaftError `INVARIANT`; from then on every call throws it again.
 */
export class RawNode {
  readonly #replica: Replica;
  /** What the caller was told last. */
  #softState: SoftState;
  #hardState: HardState;
  /** In the ready/advance mode: the work between `ready` and `advance`. */
  #taken:
    | { readonly append?: StorageAppend | undefined; readonly apply?: StorageApply | undefined }
    | undefined;
  #failure: RaftError | undefined;

  /** @throws RaftError `INVALID_ARGUMENT` naming the option that is wrong, `INVARIANT` when the log contradicts itself. */
  constructor(config: RawNodeConfig) {
    const { replica, hardState } = startReplica(config);
    this.#replica = replica;
    this.#hardState = hardState;
    this.#softState = replica.softState;
  }

  /** One tick of the logical clock has passed. */
  tick(): void {
    this.#guard(() => tickReplica(this.#replica));
  }

  /**
   * The process did not run for so long that its view of time is void: a lease ends at once, and a follower waits a
   * whole election timeout before it suspects its leader.
   */
  suspend(): void {
    this.#guard(() => suspendReplica(this.#replica));
  }

  /** Start an election now, without waiting for the timeout. */
  campaign(): void {
    this.#guard(() => startElection(this.#replica, { transfer: false }));
  }

  /** A leader lets go of its leadership and follows in the same term; does nothing in another role. */
  stepDown(): void {
    this.#guard(() => {
      if (this.#replica.isLeader) becomeFollower(this.#replica, this.#replica.term, 0);
    });
  }

  /** Whether this replica may start elections; it still votes. Default true. For a host whose disk stalls. */
  setElectable(electable: boolean): void {
    this.#replica.electable = electable;
  }

  /**
   * Append commands (at least one) to the log: all of them or none. The node owns the bytes from here on.
   * An empty command looks like the empty entry with which a leader begins its term: applications skip both.
   */
  propose(datas: readonly Uint8Array[]): ProposeResult {
    if (datas.length === 0) throw new RaftError("INVALID_ARGUMENT", "There is nothing to propose.");
    return this.#guard(() => proposeCommands(this.#replica, datas));
  }

  /** Append a change of membership; it takes effect when it has been applied on each replica. */
  proposeConfChange(change: ConfChange): ProposeResult {
    return this.#guard(() => proposeChange(this.#replica, change));
  }

  /**
   * To be called for every entry of type `ConfChange`, in its place among the applied ones, before `advance` or
   * `applied`. Returns the configuration now in force. A change that is part of it already (a snapshot may have overtaken
   * the entry) has no effect.
   */
  applyConfChange(entry: Entry): Configuration {
    const { lastChangeIndex, log, members } = this.#replica;
    if (entry.type !== EntryType.ConfChange || entry.index > log.applying) {
      throw new RaftError(
        "INVALID_ARGUMENT",
        `Entry ${entry.index} is no configuration change that was handed out.`,
      );
    }
    if (entry.index <= lastChangeIndex) return members.configuration;
    return this.#guard(() => applyChange(this.#replica, entry));
  }

  /**
   * A message from another replica of the group. What is stale or comes from a replica that was removed is ignored.
   * @throws RaftError `INVALID_ARGUMENT` when the message is for another replica.
   */
  step(message: Message): void {
    this.#guard(() => stepMessage(this.#replica, message));
  }

  /** Ask up to where one must have applied before a linearizable read. The answer comes in `readStates`. */
  readIndex(options: ReadIndexOptions = {}): ReadResult {
    return this.#guard(() => startRead(this.#replica, options.confirm ?? false));
  }

  /** With `lazyCommit`: whether a peer does not know yet what is committed of the log that it was sent. */
  get owesCommit(): boolean {
    return owesCommit(this.#replica);
  }

  /** With `lazyCommit`: tell the peers what is committed with the next work, if only in an empty append. */
  announceCommit(): void {
    announceCommit(this.#replica);
  }

  /** Hand leadership to a voter; given up after an election timeout. Passed on by a follower. */
  transferLeader(target: number): TransferResult {
    return this.#guard(() => startTransfer(this.#replica, target));
  }

  /** A follower forgets its leader, and so would vote for another one at once. No effect in lease mode. */
  forgetLeader(): void {
    const replica = this.#replica;
    if (replica.role === "follower" && !replica.leaseMode) replica.leader = 0;
  }

  /** A message to this peer could not be delivered. */
  reportUnreachable(peer: number): void {
    const progress = this.#replica.members.get(peer);
    // Appends that were sent optimistically may be lost: find out where the peer stands.
    if (this.#replica.isLeader && progress?.state === "replicate") progress.becomeProbe();
  }

  /** A snapshot was sent to this peer, or failed. Must be called after each `installSnapshot` message. */
  reportSnapshot(peer: number, outcome: "sent" | "failed"): void {
    const progress = this.#replica.members.get(peer);
    if (!this.#replica.isLeader || progress?.state !== "snapshot") return;
    if (outcome === "sent") progress.becomeProbe();
    else progress.failSnapshot();
    // Installing takes a while: wait for the answer, or for the next heartbeat, before anything else is sent.
    progress.pause();
  }

  /** Whether `ready` or `readyAsync` would return any work. */
  hasReady(): boolean {
    return this.#guard(() => {
      flush(this.#replica);
      return softStateChanged(this.#replica, this.#softState) || hasWork(this.#replica, this.#hardState);
    });
  }

  /** Takes the next work, in the ready/advance mode. `advance` must follow before the next call. */
  ready(): Ready {
    this.#expectMode({ async: false });
    if (this.#taken !== undefined)
      throw new RaftError("INVALID_ARGUMENT", "Call advance before the next ready.");
    const { outcome, messages, append, apply } = this.#take();
    this.#taken = { append, apply };
    return {
      ...outcome,
      ...(append?.hardState === undefined ? {} : { hardState: append.hardState }),
      entries: append?.entries ?? [],
      ...(append?.snapshot === undefined ? {} : { snapshot: append.snapshot }),
      committedEntries: apply?.entries ?? [],
      messages: append === undefined ? messages : [...messages, ...append.messages],
      mustSync: append?.mustSync ?? false,
    };
  }

  /** The work of the last `ready` is done. */
  advance(): void {
    const taken = this.#taken;
    if (taken === undefined)
      throw new RaftError("INVALID_ARGUMENT", "There is no work to advance from: call ready first.");
    this.#taken = undefined;
    if (taken.append !== undefined) this.#appended(taken.append);
    if (taken.apply !== undefined) this.#applied(taken.apply);
  }

  /** Takes the next work, in the asynchronous mode. */
  readyAsync(): AsyncReady {
    this.#expectMode({ async: true });
    const { outcome, messages, append, apply } = this.#take();
    return {
      ...outcome,
      messages,
      ...(append === undefined ? {} : { append }),
      ...(apply === undefined ? {} : { apply }),
    };
  }

  /** A write is durable, and all those before it. */
  appended(append: StorageAppend): void {
    this.#expectMode({ async: true });
    this.#appended(append);
  }

  /** Entries have been applied, and all those before them. */
  applied(apply: StorageApply): void {
    this.#expectMode({ async: true });
    this.#applied(apply);
  }

  status(): Status {
    return describeReplica(this.#replica);
  }

  #take(): ReturnType<typeof takeOutcome> & {
    append: StorageAppend | undefined;
    apply: StorageApply | undefined;
  } {
    return this.#guard(() => {
      const replica = this.#replica;
      flush(replica);
      replica.check();
      const apply = takeApply(replica);
      const append = takeAppend(replica, this.#hardState);
      const taken = takeOutcome(replica, this.#softState);
      this.#softState = replica.softState;
      if (append?.hardState !== undefined) this.#hardState = append.hardState;
      return { ...taken, append, apply };
    });
  }

  #appended({ completion }: StorageAppend): void {
    this.#guard(() => {
      const replica = this.#replica;
      for (const message of completion.ownMessages) stepMessage(replica, message);
      // A write of an older term may have been overtaken by one that replaced its entries, so it proves nothing about them.
      if (completion.term === replica.term)
        replica.log.tail.stableTo(completion.lastIndex, completion.lastTerm);
      if (completion.snapshotIndex > 0) {
        replica.log.tail.stableSnapshot(completion.snapshotIndex);
        replica.log.appliedTo(completion.snapshotIndex, 0);
      }
    });
  }

  #applied({ entries }: StorageApply): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    const { lastChangeIndex } = this.#replica;
    if (entries.some((entry) => entry.type === EntryType.ConfChange && entry.index > lastChangeIndex)) {
      throw new RaftError(
        "INVALID_ARGUMENT",
        "Call applyConfChange for every configuration change that is applied.",
      );
    }
    this.#guard(() => {
      this.#replica.log.appliedTo(last.index, sizeOf(entries));
      leaveJointIfDue(this.#replica);
    });
  }

  #expectMode({ async }: { readonly async: boolean }): void {
    if (this.#replica.options.asyncStorageWrites === async) return;
    const mode = async ? "readyAsync, appended and applied" : "ready and advance";
    throw new RaftError(
      "INVALID_ARGUMENT",
      `${mode} do not belong to the mode chosen by asyncStorageWrites.`,
    );
  }

  /** Remembers a broken invariant, or a damaged log, and repeats it to every later caller. */
  #guard<Result>(work: () => Result): Result {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return work();
    } catch (error) {
      if (error instanceof RaftError && error.code !== "INVALID_ARGUMENT") this.#failure = error;
      throw error;
    }
  }
}
