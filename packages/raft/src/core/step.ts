// What a message does: first its term is compared (Raft paper, figure 2, "rules for all servers"), then its rule is called.

import {
  handleVoteRequest,
  handleVoteResponse,
  refuseVote,
  startElection,
  staysWithLeader,
} from "./election.ts";
import { handleAppend, refuseOldLeader } from "./follower-log.ts";
import { handleHeartbeat, handleHeartbeatResponse } from "./heartbeat.ts";
import { violated } from "./invariants.ts";
import type { AppendResponse, HeartbeatResponse, Message } from "./message.ts";
import { proposeCommands } from "./proposals.ts";
import { RaftError } from "./raft-error.ts";
import { handleReadRequest, handleReadResponse } from "./read-index.ts";
import type { Replica } from "./replica.ts";
import { handleAppendResponse } from "./replication.ts";
import { becomeFollower } from "./roles.ts";
import { handleSnapshot } from "./snapshot-restore.ts";
import { startTransfer } from "./transfer.ts";

/** Takes a message from another replica, or one of this replica's own that has become true. */
export function stepMessage(replica: Replica, message: Message): void {
  if (message.to !== replica.id) {
    throw new RaftError(
      "INVALID_ARGUMENT",
      `A message for replica ${message.to} reached replica ${replica.id}: misrouted.`,
    );
  }
  if (!isRequest(message)) {
    if (message.term > replica.term && !acceptNewerTerm(replica, message)) return;
    // A term that is still newer now belongs to a pre-vote, which changes none.
    if (message.term < replica.term) {
      answerOlderTerm(replica, message);
      return;
    }
  }
  takeMessage(replica, message);
}

/** Requests claim nothing about terms. Only a leader acts on them, so that none goes in circles. */
function isRequest({ type }: Message): boolean {
  return type === "proposal" || type === "readRequest" || type === "transferRequest";
}

/** Returns whether the message is still of interest. */
function acceptNewerTerm(replica: Replica, message: Message): boolean {
  if (message.type === "voteRequest") {
    // A replica that hears from its leader does not even look at the term of others, unless the leader sent them.
    if (!message.transfer && staysWithLeader(replica)) return false;
    if (message.preVote) return true;
  }
  // A granted pre-vote carries the term that was asked for, which may never come; a refusal carries one that exists.
  if (message.type === "voteResponse" && message.preVote && !message.reject) return true;
  becomeFollower(replica, message.term, isFromLeader(message) ? message.from : 0);
  return true;
}

function isFromLeader({ type }: Message): boolean {
  return type === "appendRequest" || type === "heartbeat" || type === "installSnapshot";
}

/** Says which term it is (figure 2: "reply false if term < currentTerm"), so that nobody goes on in an old one for ever. */
function answerOlderTerm(replica: Replica, message: Message): void {
  // Without this a replica whose term was raised by somebody who left could neither win nor follow its leader again.
  if (isFromLeader(message)) refuseOldLeader(replica, message.from);
  else if (message.type === "voteRequest") refuseVote(replica, message);
}

function takeMessage(replica: Replica, message: Message): void {
  switch (message.type) {
    case "appendRequest":
      follow(replica, message.from);
      return handleAppend(replica, message);
    case "heartbeat":
      follow(replica, message.from);
      return handleHeartbeat(replica, message);
    case "installSnapshot":
      follow(replica, message.from);
      return handleSnapshot(replica, message);
    case "voteRequest":
      return handleVoteRequest(replica, message);
    case "voteResponse":
      return handleVoteResponse(replica, message);
    case "timeoutNow":
      if (replica.role === "follower") startElection(replica, { transfer: true });
      return undefined;
    case "readResponse":
      return handleReadResponse(replica, message);
    case "appendResponse":
    case "heartbeatResponse":
      return takeAnswer(replica, message);
    case "proposal":
      if (replica.isLeader) proposeCommands(replica, message.datas);
      return undefined;
    case "readRequest":
      return handleReadRequest(replica, message);
    case "transferRequest":
      if (replica.isLeader) startTransfer(replica, message.target);
      return undefined;
  }
}

/** An answer to a leader. */
function takeAnswer(replica: Replica, message: AppendResponse | HeartbeatResponse): void {
  const progress = replica.members.get(message.from);
  // Not a leader any more, or a member no more: what it says has no consequence.
  if (!replica.isLeader || progress === undefined) return;
  if (message.type === "appendResponse") handleAppendResponse(replica, progress, message);
  else handleHeartbeatResponse(replica, progress, message);
}

/** A sign of life from the leader of this term. */
function follow(replica: Replica, leader: number): void {
  if (replica.isLeader || (replica.leader !== 0 && replica.leader !== leader)) {
    violated(`Replicas ${replica.leader} and ${leader} both lead term ${replica.term}`);
  }
  if (replica.role === "follower") {
    replica.electionElapsed = 0;
    replica.leader = leader;
  } else {
    becomeFollower(replica, replica.term, leader);
  }
  if (replica.leaseMode) replica.promise();
}
