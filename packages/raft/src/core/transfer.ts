// Handing leadership to another voter (dissertation, section 3.10). The leader stops taking proposals, lets the target
// catch up, and tells it to campaign at once. If nothing came of it within an election timeout the leader goes on.

import type { Progress } from "./progress.ts";
import type { TransferResult } from "./proposal-result.ts";
import type { Replica } from "./replica.ts";

/** Hand over to `target`, or pass the request on. */
export function startTransfer(replica: Replica, target: number): TransferResult {
  if (!replica.isLeader) return forwardTransfer(replica, target);
  const progress = replica.members.get(target);
  const eligible = progress !== undefined && replica.members.configuration.voters.includes(target);
  if (!eligible || target === replica.id) return { status: "dropped", reason: "changeInvalid" };
  if (replica.transferTarget === target) return { status: "started" };
  replica.transferTarget = target;
  // The target has one election timeout, counted from now.
  replica.electionElapsed = 0;
  replica.replicationDue = true;
  handOverIfCaughtUp(replica, progress);
  return { status: "started" };
}

/** The target has everything: let it campaign. */
export function handOverIfCaughtUp(replica: Replica, progress: Progress): void {
  if (progress.replica !== replica.transferTarget || progress.match !== replica.log.lastIndex) return;
  // Followers elect the target although they hear of this leader. The message may be delayed for as long as the network
  // likes, so no lease can be trusted for the rest of this term.
  replica.lease.forfeit();
  replica.send({ type: "timeoutNow", from: replica.id, to: progress.replica, term: replica.term });
}

/** Take proposals again. */
export function abortTransfer(replica: Replica): void {
  replica.transferTarget = 0;
}

function forwardTransfer(replica: Replica, target: number): TransferResult {
  const { leader } = replica;
  if (leader === 0) return { status: "dropped", reason: "noLeader" };
  replica.send({ type: "transferRequest", from: replica.id, to: leader, term: 0, target });
  return { status: "forwarded", leader };
}
