// The follower's side of log replication (Raft paper, section 5.3).

import type { AppendRequest } from "./message.ts";
import type { Replica } from "./replica.ts";

/** An append from the leader of this replica's term. */
export function handleAppend(replica: Replica, message: AppendRequest): void {
  const { log } = replica;
  if (message.previousIndex < log.committed) {
    // What is committed here is the same there: say how far that goes, rather than compare.
    acknowledge(replica, message.from, log.committed);
    return;
  }
  if (!log.matches(message.previousIndex, message.previousTerm)) {
    reject(replica, message);
    return;
  }
  const lastNew = log.merge(message.previousIndex, message.entries);
  // Beyond the entries of this message the leader's commit index says nothing about this log.
  log.commitTo(Math.min(message.commit, lastNew));
  acknowledge(replica, message.from, lastNew);
}

/** Tells the leader up to where the logs agree, once that is on disk. */
export function acknowledge(replica: Replica, leader: number, index: number): void {
  replica.sendWhenDurable({
    type: "appendResponse",
    from: replica.id,
    to: leader,
    term: replica.term,
    index,
    reject: false,
    hintIndex: 0,
    hintTerm: 0,
  });
}

/** Tells a leader of an older term that there is a newer one. */
export function refuseOldLeader(replica: Replica, leader: number): void {
  replica.sendWhenDurable({
    type: "appendResponse",
    from: replica.id,
    to: leader,
    term: replica.term,
    index: 0,
    reject: true,
    hintIndex: 0,
    hintTerm: 0,
  });
}

function reject(replica: Replica, message: AppendRequest): void {
  const { log } = replica;
  // Entries of this log whose term is above the leader's at that place cannot be common: skip a whole term per rejection.
  const start = Math.min(message.previousIndex, log.lastIndex);
  const hint = log.findConflictByTerm(start, message.previousTerm);
  replica.sendWhenDurable({
    type: "appendResponse",
    from: replica.id,
    to: message.from,
    term: replica.term,
    index: message.previousIndex,
    reject: true,
    hintIndex: hint.index,
    hintTerm: hint.term,
  });
}
