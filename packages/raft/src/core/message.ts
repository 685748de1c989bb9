import type { Entry } from "./entry.ts";
import type { SnapshotMetadata } from "./snapshot.ts";

/** What every message between two replicas of a group has. */
interface Envelope {
  /** The replica that sends. */
  readonly from: number;
  /** The replica it is for. */
  readonly to: number;
  /**
   * The sender's term; in a pre-vote the term it would campaign in. 0 in requests that claim nothing about terms:
   * forwarded proposals, read requests, transfer requests.
   */
  readonly term: number;
}

/** The leader appends entries, or (without entries) tells how far the log is committed (Raft paper, section 5.3). */
export interface AppendRequest extends Envelope {
  readonly type: "appendRequest";
  /** The entry before the first one sent: the follower must have it. */
  readonly previousIndex: number;
  /** The term of that entry. */
  readonly previousTerm: number;
  /** Contiguous, starting at `previousIndex + 1`. Owned by the message; do not change them. */
  readonly entries: readonly Entry[];
  /** How far the leader knows the log to be committed. */
  readonly commit: number;
}

/** A follower's answer to an append or a snapshot. Released only when everything it acknowledges is durable. */
export interface AppendResponse extends Envelope {
  readonly type: "appendResponse";
  /** Accepted: the log matches the leader's up to here. Rejected: the `previousIndex` that did not match. */
  readonly index: number;
  readonly reject: boolean;
  /** Rejected: the newest index at which the follower's log may still agree with the leader's; else 0. */
  readonly hintIndex: number;
  /** Rejected: the term of the follower's entry at `hintIndex`, so that the leader skips whole terms; else 0. */
  readonly hintTerm: number;
}

/** A candidate asks for a vote (Raft paper, section 5.2), or whether it would get one (dissertation, section 9.6). */
export interface VoteRequest extends Envelope {
  readonly type: "voteRequest";
  /** A pre-vote changes nothing at the voter and does not raise terms. */
  readonly preVote: boolean;
  /** The candidate's newest entry; the vote goes only to a log that is at least as up to date (section 5.4.1). */
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The leader itself asked for this election: voters need not wait for it to fall silent. */
  readonly transfer: boolean;
  /** How far the candidate knows the log to be committed, and the term of the entry there. */
  readonly commit: number;
  readonly commitTerm: number;
}

/** A voter's answer. A granted vote is released only when it is durable. */
export interface VoteResponse extends Envelope {
  readonly type: "voteResponse";
  readonly preVote: boolean;
  readonly reject: boolean;
  /** How far the voter knows the log to be committed, and the term of the entry there. */
  readonly commit: number;
  readonly commitTerm: number;
}

/** The leader is alive. Also the round trip that confirms reads and leases. */
export interface Heartbeat extends Envelope {
  readonly type: "heartbeat";
  /** Never beyond what the follower is known to have, so that it can be applied without a look at the log. */
  readonly commit: number;
  /** Which round of heartbeats this is; grows with every round of a leader, never reused within a term. */
  readonly round: number;
}

/** Echoes the round: at the time of the answer this replica knew of no newer term. */
export interface HeartbeatResponse extends Envelope {
  readonly type: "heartbeatResponse";
  readonly round: number;
}

/**
 * The follower needs entries the leader no longer has. Only the metadata are here: the sender's host streams the data,
 * and may put the metadata of a newer snapshot of the same group in the place of these. The receiver's host steps the
 * message into its core when it has all of the data.
 */
export interface InstallSnapshot extends Envelope {
  readonly type: "installSnapshot";
  readonly snapshot: SnapshotMetadata;
}

/** The leader hands over: campaign at once (dissertation, section 3.10). */
export interface TimeoutNow extends Envelope {
  readonly type: "timeoutNow";
}

/** A proposal that a follower passes on, when forwarding is enabled. */
export interface ForwardedProposal extends Envelope {
  readonly type: "proposal";
  /** Commands; changes of membership are never forwarded. */
  readonly datas: readonly Uint8Array[];
}

/** A follower asks up to where it must have applied before it may answer a linearizable read. */
export interface ReadRequest extends Envelope {
  readonly type: "readRequest";
  /** The read, as the asking replica numbered it. Never reused in one life of that replica. */
  readonly ticket: number;
  /** Whether a majority must be asked even if a lease would answer. */
  readonly confirm: boolean;
  /** The life of the asking replica: an answer meant for an earlier life must not be taken for one of this life. */
  readonly incarnation: number;
}

/** The leader's answer: apply up to `index`, then read. */
export interface ReadResponse extends Envelope {
  readonly type: "readResponse";
  readonly ticket: number;
  readonly incarnation: number;
  readonly index: number;
}

/** A follower passes on a request to hand leadership to `target`. */
export interface TransferRequest extends Envelope {
  readonly type: "transferRequest";
  readonly target: number;
}

/** Everything that replicas of one group say to each other. May be lost, repeated, delayed and reordered. */
export type Message =
  | AppendRequest
  | AppendResponse
  | VoteRequest
  | VoteResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | TimeoutNow
  | ForwardedProposal
  | ReadRequest
  | ReadResponse
  | TransferRequest;

/** The discriminant of a message. */
export type MessageType = Message["type"];
