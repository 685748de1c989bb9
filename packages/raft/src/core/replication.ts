// The leader's side of log replication (Raft paper, section 5.3; pipelining: dissertation, section 10.2.1).
//
// Appends are not made when something is proposed but when the caller takes the next work (`replicate`): whatever was
// proposed in between leaves in one message per peer.

import { EntryType, type Entry } from "./entry.ts";
import { violated } from "./invariants.ts";
import type { AppendResponse } from "./message.ts";
import type { Progress } from "./progress.ts";
import { sizeOf } from "./raft-log.ts";
import { releaseEarlyReads } from "./read-index.ts";
import type { Replica } from "./replica.ts";
import { handOverIfCaughtUp } from "./transfer.ts";

/** Appends commands of the leader's own term at the end of its log. Returns the index of the first. */
export function appendOwn(
  replica: Replica,
  datas: readonly Uint8Array[],
  type: EntryType = EntryType.Normal,
): number {
  const { term } = replica;
  const first = replica.log.lastIndex + 1;
  const entries: Entry[] = [];
  for (let offset = 0; offset < datas.length; offset += 1) {
    entries.push({ type, term, index: first + offset, data: datas[offset]! });
  }
  replica.log.append(entries);
  replica.replicationDue = true;
  return first;
}

/** Sends every peer what it is due and what its window admits. */
export function replicate(replica: Replica): void {
  const announce = replica.commitNewsDue || !replica.options.lazyCommit;
  replica.replicationDue = false;
  replica.commitNewsDue = false;
  for (const progress of replica.members.all) {
    if (progress.replica === replica.id) continue;
    sendAppend(replica, progress, announce && progress.owesCommit(replica.log.committed));
    while (sendAppend(replica, progress, false)) {
      // Fill the window.
    }
  }
}

/**
 * Sends one append, or starts a snapshot when the entries are gone. Returns whether anything was sent. Without
 * `evenIfEmpty` a peer that has everything is left alone.
 */
export function sendAppend(replica: Replica, progress: Progress, evenIfEmpty: boolean): boolean {
  if (progress.paused) return false;
  const { log, options } = replica;
  const previousIndex = progress.next - 1;
  const previousTerm = log.term(previousIndex);
  if (previousTerm === undefined || progress.next < log.firstIndex) return sendSnapshot(replica, progress);
  // To a full window only empty appends go: if all that filled it was lost, the answer to one of them tells.
  const full = progress.state === "replicate" && progress.inflights.full;
  const entries = full ? [] : log.slice(progress.next, log.lastIndex + 1, options.maxBytesPerMessage);
  if (entries.length === 0 && !evenIfEmpty) return false;
  replica.send({
    type: "appendRequest",
    from: replica.id,
    to: progress.replica,
    term: replica.term,
    previousIndex,
    previousTerm,
    entries,
    commit: log.committed,
  });
  progress.sent({ count: entries.length, bytes: sizeOf(entries), commit: log.committed });
  return true;
}

/** A peer, or this replica's own disk, has answered an append or a snapshot. */
export function handleAppendResponse(replica: Replica, progress: Progress, message: AppendResponse): void {
  progress.recentActive = true;
  if (message.reject) {
    handleRejection(replica, progress, message);
    return;
  }
  if (message.index > replica.log.lastIndex) {
    violated(
      `Replica ${message.from} has entry ${message.index}, which its leader lost: the log ends before it`,
    );
  }
  const news = progress.accept(message.index);
  if (!news && !(progress.state === "probe" && progress.match === message.index)) return;
  if (progress.state === "replicate") {
    progress.inflights.release(message.index);
  } else if (progress.state === "probe" || progress.match + 1 >= replica.log.firstIndex) {
    // A peer in state snapshot is back as soon as the log reaches it, by whatever way it got there.
    progress.becomeReplicate();
  }
  advanceCommit(replica);
  replica.replicationDue = true;
  handOverIfCaughtUp(replica, progress);
}

/** Commits what a majority has on disk. Returns whether that is news. */
export function advanceCommit(replica: Replica): boolean {
  const { log } = replica;
  const index = replica.members.quorumMatch();
  // An entry of an older term may be on a majority and still be overwritten (section 5.4.2, figure 8).
  if (index <= log.committed || log.term(index) !== replica.term) return false;
  const { pendingChangeIndex } = replica;
  // A change of membership must not wait for the next append: this leader may be what it removes, and once the change is
  // applied here nothing is sent any more to whom it removes.
  if (log.committed < pendingChangeIndex && pendingChangeIndex <= index) replica.commitNewsDue = true;
  log.commitTo(index);
  replica.replicationDue = true;
  releaseEarlyReads(replica);
  return true;
}

function handleRejection(replica: Replica, progress: Progress, message: AppendResponse): void {
  // Where the peer has an older term, nothing of a newer term in this log can be common to both: skip all of it at once.
  const hint =
    message.hintTerm > 0
      ? replica.log.findConflictByTerm(message.hintIndex, message.hintTerm).index
      : message.hintIndex;
  if (!progress.rejected(message.index, hint)) return;
  if (progress.state === "replicate") progress.becomeProbe();
  sendAppend(replica, progress, true);
}

function sendSnapshot(replica: Replica, progress: Progress): boolean {
  // A peer that does not answer would keep the snapshot's data waiting.
  if (!progress.recentActive) return false;
  const snapshot = replica.log.snapshot();
  if (snapshot.index === 0) violated(`The log begins at ${replica.log.firstIndex}, but there is no snapshot`);
  replica.send({
    type: "installSnapshot",
    from: replica.id,
    to: progress.replica,
    term: replica.term,
    snapshot,
  });
  progress.becomeSnapshot(snapshot.index);
  return true;
}
