import type { ReadIndexOptions } from "../core/proposal-result.ts";
import type { ConfChange } from "../core/conf-change.ts";
import type { Configuration } from "../core/configuration.ts";
import type { GroupReplica } from "./group-replica.ts";
import type { GroupStatus, ProposalCallback, RaftGroup } from "./raft-group.ts";

/** What users hold of a replica. Results are what its state machine returned, hence the type. */
export class GroupHandle<Result> implements RaftGroup<Result> {
  readonly #replica: GroupReplica<Result>;

  constructor(replica: GroupReplica<Result>) {
    this.#replica = replica;
  }

  get group(): number {
    return this.#replica.group;
  }

  get replica(): number {
    return this.#replica.replica;
  }

  propose(command: Uint8Array): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#replica.propose([command], ([result]) => resolve(result!), reject);
    });
  }

  proposeAll(commands: readonly Uint8Array[]): Promise<readonly Result[]> {
    return new Promise((resolve, reject) => {
      this.#replica.propose(commands, resolve, reject);
    });
  }

  submit(commands: readonly Uint8Array[], settle: ProposalCallback<Result>): void {
    this.#replica.propose(
      commands,
      (results) => {
        settle(undefined, results);
      },
      (error) => {
        settle(error, []);
      },
    );
  }

  beforeTurn(callback: () => void): void {
    this.#replica.beforeTurn(callback);
  }

  readIndex(options: ReadIndexOptions = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#replica.read(options.confirm ?? false, resolve, reject);
    });
  }

  changeMembers(change: ConfChange): Promise<Configuration> {
    return new Promise((resolve, reject) => {
      this.#replica.changeMembers(change, resolve, reject);
    });
  }

  transferLeader(target?: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#replica.transferLeader(target, resolve, reject);
    });
  }

  campaign(): void {
    this.#replica.campaign();
  }

  compact(): Promise<void> {
    return this.#replica.compact(false);
  }

  status(): GroupStatus {
    return this.#replica.status();
  }
}
