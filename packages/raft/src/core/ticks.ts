// What time does: followers lose patience, leaders send heartbeats and check that they are still heard.

import { startElection } from "./election.ts";
import { broadcastHeartbeat } from "./heartbeat.ts";
import type { Replica } from "./replica.ts";
import { becomeFollower } from "./roles.ts";
import { abortTransfer } from "./transfer.ts";

/** One tick has passed. */
export function tickReplica(replica: Replica): void {
  if (replica.isLeader) tickLeader(replica);
  else tickFollower(replica);
}

/** The process stood still: what it believes about the present is worth nothing. */
export function suspendReplica(replica: Replica): void {
  replica.lease.revoke();
  // A leader keeps its count, so that it is not in office longer than it may be without a majority.
  if (!replica.isLeader) replica.electionElapsed = 0;
}

function tickFollower(replica: Replica): void {
  replica.electionElapsed += 1;
  if (replica.electionElapsed < replica.electionTimeout) return;
  replica.electionElapsed = 0;
  replica.electionTimeout = replica.drawElectionTimeout();
  startElection(replica, { transfer: false });
}

function tickLeader(replica: Replica): void {
  replica.electionElapsed += 1;
  if (replica.electionElapsed >= replica.options.electionTick) {
    replica.electionElapsed = 0;
    checkQuorum(replica);
    if (!replica.isLeader) return;
    abortTransfer(replica);
  }
  replica.heartbeatElapsed += 1;
  if (replica.heartbeatElapsed < replica.options.heartbeatTick) return;
  replica.heartbeatElapsed = 0;
  broadcastHeartbeat(replica);
}

/** A leader that hears from no majority may have been replaced long ago (dissertation, section 6.2). */
function checkQuorum(replica: Replica): void {
  if (!replica.options.checkQuorum) return;
  if (!replica.members.quorumActive(replica.id)) {
    becomeFollower(replica, replica.term, 0);
    return;
  }
  for (const progress of replica.members.all)
    if (progress.replica !== replica.id) progress.recentActive = false;
}
