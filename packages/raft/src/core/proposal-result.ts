/**
 * Why a proposal or a read was refused. A refused proposal is in no log and will never be applied.
 *
 * - `noLeader`: no leader is known; wait for one.
 * - `notLeader`: another replica leads and forwarding is off; ask it.
 * - `transferring`: the leader is handing over; ask its successor.
 * - `overloaded`: too much is uncommitted or queued; slow down and retry.
 * - `removed`: this replica leads but is no longer a member.
 * - `changePending`: an earlier configuration change is not applied yet.
 * - `configurationMoved`: the configuration is not the one the change expected.
 * - `changeInvalid`: the change makes no sense in the present configuration (nothing to leave, no voter would be
 *   left, ...); or the target of a transfer is not a voter.
 */
export type DropReason =
  | "noLeader"
  | "notLeader"
  | "transferring"
  | "overloaded"
  | "removed"
  | "changePending"
  | "configurationMoved"
  | "changeInvalid";

/**
 * What became of a call of `propose` or `proposeConfChange`.
 *
 * An appended proposal is *applied* when an entry of `term` at its index is handed out for application. It is *lost*
 * when an entry of another term is applied at that index. Until either is seen its outcome is unknown.
 */
export type ProposeResult =
  | {
      readonly status: "appended";
      /** Where the first one was put; the others follow. */
      readonly index: number;
      readonly term: number;
    }
  /** Passed to the leader; only the application can recognise it when it is applied. It may be lost or doubled on the way. */
  | { readonly status: "forwarded"; readonly leader: number }
  | { readonly status: "dropped"; readonly reason: DropReason };

/** How a read is to be confirmed. */
export interface ReadIndexOptions {
  /** Ask a majority even if a lease would answer. Only makes a difference in the read mode `lease`. Default false. */
  readonly confirm?: boolean;
}

/** What became of a call of `readIndex`. */
export type ReadResult =
  | {
      readonly status: "accepted";
      /** Comes back in a `ReadState`, unless messages are lost or leadership changes: give up after a while and ask anew. */
      readonly ticket: number;
    }
  | { readonly status: "dropped"; readonly reason: DropReason };

/** What became of a call of `transferLeader`. Whether it succeeds is seen by who leads afterwards. */
export type TransferResult =
  | { readonly status: "started" }
  | { readonly status: "forwarded"; readonly leader: number }
  | { readonly status: "dropped"; readonly reason: DropReason };
