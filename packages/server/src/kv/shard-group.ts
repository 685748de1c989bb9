import type { RaftError } from "@titan-kv/raft";
import type { AppliedResults } from "../shard/applied-result.ts";

/** What the request path needs of a shard's Raft group; a `RaftGroup` of the raft package is one. */
export interface ShardGroup {
  /**
   * Proposes commands; `settle` is told once what became of them: the answers of the state machine, or an error that says
   * whether they may still be applied.
   */
  submit(
    commands: readonly Uint8Array[],
    settle: (error: RaftError | undefined, results: readonly (AppliedResults | undefined)[]) => void,
  ): void;
  /** Calls back once at the beginning of the group's next turn, when what has gathered is to be submitted. */
  beforeTurn(callback: () => void): void;
  /**
   * Resolves when the local state contains every write that was acknowledged anywhere before the call. With `confirm` a
   * majority is asked in any case; without it a lease will do, where leases are on.
   */
  readIndex(options?: { readonly confirm?: boolean }): Promise<number>;
}
