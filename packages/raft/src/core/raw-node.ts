import type { ConfChange } from "./conf-change.ts";
import type { RawNodeConfig } from "./config.ts";
import type { Configuration } from "./configuration.ts";
import type { Entry } from "./entry.ts";
import type { Message } from "./message.ts";
import type { ProposeResult, ReadResult, TransferResult } from "./proposal-result.ts";
import type { AsyncReady, Ready, StorageAppend, StorageApply } from "./ready.ts";
import type { Status } from "./status.ts";

/**
 * One replica of one group: a deterministic state machine without clock, randomness, disk or network. Inputs are method
 * calls, outputs come out of `ready` (or `readyAsync`).
 *
 * A broken invariant throws a RaftError `INVARIANT`; from then on every call throws it again.
 */
export declare class RawNode {
  /** @throws RaftError `INVALID_ARGUMENT` naming the option that is wrong, `INVARIANT` when the log contradicts itself. */
  constructor(config: RawNodeConfig);

  /** One tick of the logical clock has passed. */
  tick(): void;
  /**
   * The process did not run for so long that its view of time is void: a lease ends at once, and a follower waits a
   * whole election timeout before it suspects its leader.
   */
  suspend(): void;
  /** Start an election now, without waiting for the timeout. */
  campaign(): void;
  /** A leader lets go of its leadership and follows in the same term; does nothing in another role. */
  stepDown(): void;
  /** Whether this replica may start elections; it still votes. Default true. For a host whose disk stalls. */
  setElectable(electable: boolean): void;

  /**
   * Append commands to the log: all of them or none. The node owns the bytes from here on.
   * An empty command looks like the empty entry with which a leader begins its term: applications skip both.
   */
  propose(datas: readonly Uint8Array[]): ProposeResult;
  /** Append a change of membership; it takes effect when it has been applied on each replica. */
  proposeConfChange(change: ConfChange): ProposeResult;
  /**
   * To be called for every entry of type `ConfChange`, in its place among the applied ones, before `advance` or
   * `applied`. Returns the configuration now in force.
   */
  applyConfChange(entry: Entry): Configuration;

  /**
   * A message from another replica of the group. What is stale or comes from a replica that was removed is ignored.
   * @throws RaftError `INVALID_ARGUMENT` when the message is for another replica.
   */
  step(message: Message): void;

  /** Ask up to where one must have applied before a linearizable read. The answer comes in `readStates`. */
  readIndex(): ReadResult;
  /** Hand leadership to a voter; given up after an election timeout. Passed on by a follower. */
  transferLeader(target: number): TransferResult;
  /** A follower forgets its leader, and so would vote for another one at once. No effect in lease mode. */
  forgetLeader(): void;
  /** A message to this peer could not be delivered. */
  reportUnreachable(peer: number): void;
  /** A snapshot was sent to this peer, or failed. Must be called after each `installSnapshot` message. */
  reportSnapshot(peer: number, outcome: "sent" | "failed"): void;

  /** Whether `ready` or `readyAsync` would return any work. */
  hasReady(): boolean;
  /** Takes the next work, in the ready/advance mode. `advance` must follow before the next call. */
  ready(): Ready;
  /** The work of the last `ready` is done. */
  advance(): void;
  /** Takes the next work, in the asynchronous mode. */
  readyAsync(): AsyncReady;
  /** A write is durable, and all those before it. */
  appended(append: StorageAppend): void;
  /** Entries have been applied, and all those before them. */
  applied(apply: StorageApply): void;

  status(): Status;
}
