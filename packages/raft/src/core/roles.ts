// The four roles and the ways between them (Raft paper, figure 4; pre-candidates: dissertation, section 9.6).

import { violated } from "./invariants.ts";
import { appendOwn } from "./replication.ts";
import type { Replica } from "./replica.ts";

/** Follow in this term; `leader` is 0 while none is known. */
export function becomeFollower(replica: Replica, term: number, leader: number): void {
  reset(replica, term);
  replica.role = "follower";
  replica.leader = leader;
}

/** Ask whether an election could be won. Neither term nor vote change: nothing was decided. */
export function becomePreCandidate(replica: Replica): void {
  if (replica.isLeader) violated("A leader cannot become a pre-candidate");
  replica.role = "preCandidate";
  replica.leader = 0;
  replica.votes.clear();
}

/** Stand for election in the next term. */
export function becomeCandidate(replica: Replica): void {
  if (replica.isLeader) violated("A leader cannot become a candidate");
  reset(replica, replica.term + 1);
  replica.role = "candidate";
  replica.vote = replica.id;
}

/** Lead this term. */
export function becomeLeader(replica: Replica): void {
  if (replica.role !== "candidate") violated(`A ${replica.role} cannot become the leader`);
  reset(replica, replica.term);
  replica.role = "leader";
  replica.leader = replica.id;
  // Some entry that is not applied yet may change the configuration. Rather than look for it, wait until all are applied.
  replica.pendingChangeIndex = replica.log.lastIndex;
  const own = replica.members.get(replica.id);
  if (own !== undefined) {
    own.becomeReplicate();
    own.recentActive = true;
  }
  // Entries of older terms are committed only together with one of this term (section 5.4.2): bring one about at once.
  appendOwn(replica, [new Uint8Array(0)]);
}

/** What a new term, or a new attempt in the same term, begins with. */
function reset(replica: Replica, term: number): void {
  if (term < replica.term) violated(`The term cannot go back from ${replica.term} to ${term}`);
  if (term !== replica.term) {
    replica.term = term;
    replica.vote = 0;
  }
  replica.leader = 0;
  replica.electionElapsed = 0;
  replica.heartbeatElapsed = 0;
  replica.electionTimeout = replica.drawElectionTimeout();
  replica.votes.clear();
  replica.pendingChangeIndex = 0;
  replica.uncommittedBytes = 0;
  replica.transferTarget = 0;
  replica.ownAckIndex = 0;
  replica.replicationDue = false;
  replica.commitNewsDue = false;
  replica.roundDue = false;
  replica.lease.reset();
  for (const read of replica.reads.takeAll())
    if (read.from === replica.id) replica.abandonedReads.push(read.ticket);
  const next = replica.log.lastIndex + 1;
  for (const progress of replica.members.all) {
    // Of its own entries too a leader counts only those that are on disk.
    progress.reset({ match: progress.replica === replica.id ? replica.log.stableIndex : 0, next });
  }
}
