// Elections (Raft paper, sections 5.2 and 5.4.1), with a poll beforehand (dissertation, section 9.6) and followers that
// stay with a living leader (section 4.2.3), so that a replica that was cut off or removed cannot disturb the others.

import { EntryType } from "./entry.ts";
import type { VoteRequest, VoteResponse } from "./message.ts";
import { pollResult } from "./quorum.ts";
import type { Replica } from "./replica.ts";
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from "./roles.ts";

/** Stand for election, unless there is a reason not to. `transfer`: because the leader asked for it. */
export function startElection(replica: Replica, { transfer }: { readonly transfer: boolean }): void {
  if (replica.isLeader || !replica.electable || !promotable(replica)) return;
  if (!transfer && hasPromised(replica)) return;
  if (hasUnappliedChange(replica)) return;
  // The leader of a transfer has checked already that this replica can win.
  if (replica.options.preVote && !transfer) startPoll(replica);
  else stand(replica, transfer);
}

/** Whether this replica could lead: it is a voter and is not waiting for a snapshot to arrive. */
export function promotable(replica: Replica): boolean {
  return replica.members.isVoter(replica.id) && replica.log.tail.snapshot === undefined;
}

/** Somebody asks for a vote. A request that comes with a newer term has been dealt with as far as the term goes. */
export function handleVoteRequest(replica: Replica, message: VoteRequest): void {
  const { preVote } = message;
  // A promise to a leader is kept in whatever term: it may be a newer one by now, without a leader.
  if (hasPromised(replica) && !message.transfer) return;
  const free =
    replica.vote === message.from ||
    (replica.vote === 0 && replica.leader === 0) ||
    (preVote && message.term > replica.term);
  // Learners answer too: the candidate may know of a newer configuration, in which this replica is a voter.
  const granted = free && replica.log.isUpToDate(message.lastIndex, message.lastTerm);
  if (!replica.isLeader) replica.log.learnCommit(message.commit, message.commitTerm);
  if (granted && !preVote) {
    replica.vote = message.from;
    replica.electionElapsed = 0;
  }
  // A granted pre-vote is about the term that was asked for, a refusal tells the term that is.
  answerVote(replica, message, granted);
}

/** Tells the sender of an outdated request which term it is, so that it catches up instead of asking for ever. */
export function refuseVote(replica: Replica, message: VoteRequest): void {
  answerVote(replica, message, false);
}

function answerVote(replica: Replica, message: VoteRequest, granted: boolean): void {
  replica.sendWhenDurable({
    type: "voteResponse",
    from: replica.id,
    to: message.from,
    term: granted ? message.term : replica.term,
    preVote: message.preVote,
    reject: !granted,
    commit: replica.log.committed,
    commitTerm: replica.log.committedTerm,
  });
}

/** Somebody, or this replica's own disk, has answered. */
export function handleVoteResponse(replica: Replica, message: VoteResponse): void {
  if (replica.isLeader) return;
  replica.log.learnCommit(message.commit, message.commitTerm);
  if (replica.role !== (message.preVote ? "preCandidate" : "candidate")) return;
  // A voter that refuses may know that a change of configuration is committed, by which it need not even be asked: without
  // this a candidate could be stuck in a configuration whose other half has moved on.
  if (message.reject && hasUnappliedChange(replica)) {
    becomeFollower(replica, replica.term, 0);
    return;
  }
  // A pre-vote that was granted in an earlier attempt, for a lower term, says nothing about this one.
  if (message.preVote && !message.reject && message.term !== replica.term + 1) return;
  if (!replica.votes.has(message.from)) replica.votes.set(message.from, !message.reject);
  count(replica);
}

/** Whether this replica has reason to believe that its leader lives, and so elects nobody else. */
export function staysWithLeader(replica: Replica): boolean {
  if (!replica.options.checkQuorum) return false;
  if (hasPromised(replica)) return true;
  return replica.leader !== 0 && replica.electionElapsed < replica.options.electionTick;
}

function hasPromised(replica: Replica): boolean {
  return replica.leaseMode && replica.options.monotonicTicks() < replica.promisedUntilTicks;
}

function startPoll(replica: Replica): void {
  becomePreCandidate(replica);
  replica.votes.set(replica.id, true);
  requestVotes(replica, { term: replica.term + 1, preVote: true, transfer: false });
  count(replica);
}

function stand(replica: Replica, transfer: boolean): void {
  becomeCandidate(replica);
  // Its own vote too counts only once it is on disk.
  replica.sendWhenDurable({
    type: "voteResponse",
    from: replica.id,
    to: replica.id,
    term: replica.term,
    preVote: false,
    reject: false,
    commit: 0,
    commitTerm: 0,
  });
  requestVotes(replica, { term: replica.term, preVote: false, transfer });
}

function requestVotes(replica: Replica, request: Pick<VoteRequest, "term" | "preVote" | "transfer">): void {
  const { lastIndex, lastTerm, committed: commit, committedTerm: commitTerm } = replica.log;
  for (const { replica: peer, learner } of replica.members.all) {
    if (peer === replica.id || learner) continue;
    replica.send({
      type: "voteRequest",
      from: replica.id,
      to: peer,
      ...request,
      lastIndex,
      lastTerm,
      commit,
      commitTerm,
    });
  }
}

function count(replica: Replica): void {
  const result = pollResult(replica.members.configuration, replica.votes);
  if (result === "lost") becomeFollower(replica, replica.term, 0);
  if (result !== "won") return;
  if (replica.role === "preCandidate") stand(replica, false);
  // Even a majority of others is not enough while its own vote is not on disk: after a crash this replica could stand again
  // for the same term, get the same votes again, and write different entries at the same place in the same term.
  else if (replica.votes.has(replica.id)) becomeLeader(replica);
}

/**
 * Whether a committed change of configuration is not applied here yet: a replica must not ask for votes by a configuration
 * that it knows to be outdated.
 */
function hasUnappliedChange(replica: Replica): boolean {
  const { log, options } = replica;
  let next = log.applied + 1;
  while (next <= log.committed) {
    const page = log.slice(next, log.committed + 1, options.maxBytesPerMessage);
    if (page.some((entry) => entry.type === EntryType.ConfChange)) return true;
    next += page.length;
  }
  return false;
}
