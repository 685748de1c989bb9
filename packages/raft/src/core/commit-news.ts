// How followers learn what is committed: with appends, and with `lazyCommit` with the next one that is sent anyway.

import type { Replica } from "./replica.ts";

/** Whether a peer does not know yet what is committed of the log that it was sent. */
export function owesCommit(replica: Replica): boolean {
  if (!replica.isLeader) return false;
  const { committed } = replica.log;
  return replica.members.all.some(
    (progress) => progress.replica !== replica.id && !progress.paused && progress.owesCommit(committed),
  );
}

/** Tells every peer what is committed with the next work that is taken, if only in an empty append. */
export function announceCommit(replica: Replica): void {
  if (!replica.isLeader) return;
  replica.commitNewsDue = true;
  replica.replicationDue = true;
}
