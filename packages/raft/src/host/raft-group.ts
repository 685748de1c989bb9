import type { ConfChange } from "../core/conf-change.ts";
import type { Configuration } from "../core/configuration.ts";
import type { ReadIndexOptions } from "../core/proposal-result.ts";
import type { RaftError } from "../core/raft-error.ts";
import type { Status } from "../core/status.ts";

/** How a replica is doing. */
export interface GroupStatus extends Status {
  readonly group: number;
  /** Up to where the state machine has applied. */
  readonly stateIndex: number;
  /** Whether heartbeats are suspended because there is nothing to do. */
  readonly quiet: boolean;
  /** Commands handed over and not yet answered. */
  readonly pendingProposals: number;
}

/**
 * One replica of one group on this node.
 *
 * A proposal has one of three outcomes, and the error says which:
 * - it resolves: the entry was applied on this node, and this is what the state machine returned;
 * - `DROPPED`, with a `reason`: it is in no log and will never be applied; it is safe to retry;
 * - `UNKNOWN`: it may have been applied, or may still be.
 *
 * After `removeGroup`, `Host.stop` or a failure of the group everything rejects with `CLOSED`, `INVARIANT`, `CORRUPT` or
 * `POISONED`; proposals that were under way reject with `UNKNOWN`, and the failure is their `cause`.
 */
export interface RaftGroup<Result = unknown> {
  readonly group: number;
  readonly replica: number;

  /** Proposes one command. The group owns the bytes from here on. */
  propose(command: Uint8Array): Promise<Result>;
  /**
   * Proposes commands that go into the log side by side, all or none; resolves with a result for each. Cheaper than one
   * promise for each.
   */
  proposeAll(commands: readonly Uint8Array[]): Promise<readonly Result[]>;
  /**
   * The same, without a promise: `settle` is called once, with the results or with the error, from the turn that applied
   * the last command. It must not throw.
   */
  submit(commands: readonly Uint8Array[], settle: ProposalCallback<Result>): void;

  /**
   * Calls back once at the beginning of the group's next turn, which this brings about: the place to hand over, as one
   * command, what has gathered until then. Called at once when the group has stopped. The callback must not throw.
   */
  beforeTurn(callback: () => void): void;

  /**
   * Resolves when the state machine of this replica may be read: it then contains every write that had been
   * acknowledged, anywhere, when this was called. All reads of a turn share one round of messages. Works on any replica
   * that knows its leader. Resolves with the index applied.
   * @throws RaftError `DROPPED` when no leader confirmed it in time; it is safe to retry.
   */
  readIndex(options?: ReadIndexOptions): Promise<number>;

  /**
   * Proposes a change of membership, and resolves with the configuration once it is applied here. A joint
   * configuration may have to be left before it is the final one; see `ConfChange.transition`.
   */
  changeMembers(change: ConfChange): Promise<Configuration>;
  /**
   * Hands leadership to a voter, or to the one that is furthest along. Resolves when this replica knows of another
   * leader.
   * @throws RaftError `NOT_LEADER`, `DROPPED` when nobody took over in time.
   */
  transferLeader(target?: number): Promise<void>;
  /** Starts an election now. For tests, and to place leaders after a start. */
  campaign(): void;

  /** Takes a snapshot if the state machine lives in memory, and shortens the log as far as the policy allows. */
  compact(): Promise<void>;
  status(): GroupStatus;
}

/** Told what became of commands: `results`, or an `error` as `RaftGroup` describes them. */
export type ProposalCallback<Result> = (error: RaftError | undefined, results: readonly Result[]) => void;
