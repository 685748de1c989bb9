// Heartbeats keep followers from campaigning, and their answers prove that the leader still leads (dissertation, section
// 6.4). Each broadcast is a numbered round; who answers a round knew of no newer term after the round began.

import type { Heartbeat, HeartbeatResponse } from "./message.ts";
import type { Progress } from "./progress.ts";
import { releaseConfirmedReads } from "./read-index.ts";
import type { Replica } from "./replica.ts";
import { sendAppend } from "./replication.ts";

/** Begins a new round. */
export function broadcastHeartbeat(replica: Replica): void {
  replica.roundDue = false;
  replica.round += 1;
  if (replica.leaseMode) replica.lease.roundSent(replica.round, replica.options.monotonicTicks());
  for (const progress of replica.members.all) {
    if (progress.replica === replica.id) {
      progress.round = replica.round;
      continue;
    }
    replica.send({
      type: "heartbeat",
      from: replica.id,
      to: progress.replica,
      term: replica.term,
      // The follower commits this without a look at its log, so it must not go beyond what the follower is known to have.
      commit: Math.min(progress.match, replica.log.committed),
      round: replica.round,
    });
  }
  releaseConfirmedReads(replica);
}

/** At a follower of the sender's term. */
export function handleHeartbeat(replica: Replica, message: Heartbeat): void {
  replica.log.commitTo(message.commit);
  replica.send({
    type: "heartbeatResponse",
    from: replica.id,
    to: message.from,
    term: replica.term,
    round: message.round,
  });
}

/** At the leader. */
export function handleHeartbeatResponse(
  replica: Replica,
  progress: Progress,
  message: HeartbeatResponse,
): void {
  progress.recentActive = true;
  progress.resume();
  // A peer that is behind, with nothing under way to it, lost something: an empty append finds out what.
  if (progress.match < replica.log.lastIndex || progress.state === "probe")
    sendAppend(replica, progress, true);
  if (message.round > progress.round) {
    progress.round = message.round;
    releaseConfirmedReads(replica);
  }
}
