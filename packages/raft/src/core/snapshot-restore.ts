// A follower that is too far behind begins anew from a snapshot (Raft paper, section 7).

import { acknowledge } from "./follower-log.ts";
import { violated } from "./invariants.ts";
import type { InstallSnapshot } from "./message.ts";
import type { Replica } from "./replica.ts";
import type { SnapshotMetadata } from "./snapshot.ts";

/** A snapshot from the leader of this replica's term; its data are already here. */
export function handleSnapshot(replica: Replica, message: InstallSnapshot): void {
  const restored = restore(replica, message.snapshot);
  acknowledge(replica, message.from, restored ? replica.log.lastIndex : replica.log.committed);
}

/** Returns whether the snapshot replaces the log. */
function restore(replica: Replica, snapshot: SnapshotMetadata): boolean {
  const { log } = replica;
  const ownTerm = log.term(snapshot.index);
  if (snapshot.index <= log.committed) {
    if (ownTerm !== undefined && ownTerm !== snapshot.term) {
      violated(
        `The snapshot at ${snapshot.index} is of term ${snapshot.term}, the committed entry there of ${ownTerm}`,
      );
    }
    return false;
  }
  if (ownTerm === snapshot.term) {
    // The log has all of it already: it only needs to learn that it is committed.
    log.commitTo(snapshot.index);
    return false;
  }
  // One at a time: while a snapshot is on its way to the disk another one would have to overtake it there. What is
  // acknowledged instead is the first one, and the leader goes on from that.
  if (log.tail.snapshot !== undefined) return false;
  log.restore(snapshot);
  // The configuration of the snapshot is in force from now on, whatever its index compares to. This replica may be missing
  // from it, when it was added later: then the entry that adds it follows.
  replica.members.adopt(snapshot.configuration, log.lastIndex + 1);
  replica.lastChangeIndex = snapshot.configuration.index;
  return true;
}
