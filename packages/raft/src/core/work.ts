// What a replica wants done: messages to send, one write to the log, entries to apply.

import { type Entry, EntryType } from "./entry.ts";
import type { HardState } from "./hard-state.ts";
import { broadcastHeartbeat } from "./heartbeat.ts";
import type { Message } from "./message.ts";
import { sizeOf } from "./raft-log.ts";
import type { AppendCompletion, AsyncReady, SoftState, StorageAppend, StorageApply } from "./ready.ts";
import { replicate } from "./replication.ts";
import type { Replica } from "./replica.ts";

/** Makes the messages that were put off until now, so that many inputs share one. */
export function flush(replica: Replica): void {
  if (!replica.isLeader) return;
  if (replica.replicationDue) replicate(replica);
  if (replica.roundDue) broadcastHeartbeat(replica);
}

export function hasWork(replica: Replica, told: HardState): boolean {
  const { log } = replica;
  return (
    replica.outbox.length > 0 ||
    replica.outboxWhenDurable.length > 0 ||
    replica.readStates.length > 0 ||
    replica.abandonedReads.length > 0 ||
    log.tail.hasWork ||
    hardStateChanged(replica, told) ||
    log.hasNextCommitted(!replica.options.asyncStorageWrites)
  );
}

export function softStateChanged(replica: Replica, told: SoftState): boolean {
  return replica.role !== told.role || replica.leader !== told.leader;
}

/** Takes everything that needs no disk. */
export function takeOutcome(
  replica: Replica,
  told: SoftState,
): { outcome: Omit<AsyncReady, "messages" | "append" | "apply">; messages: Message[] } {
  const { readStates, abandonedReads, outbox } = replica;
  replica.readStates = [];
  replica.abandonedReads = [];
  replica.outbox = [];
  const softState = softStateChanged(replica, told) ? { softState: replica.softState } : {};
  return { outcome: { ...softState, readStates, abandonedReads }, messages: outbox };
}

/** Takes the next write, with the promises that it makes true. */
export function takeAppend(replica: Replica, told: HardState): StorageAppend | undefined {
  const { tail } = replica.log;
  const entries = tail.nextEntries();
  const snapshot = tail.nextSnapshot();
  const hardState = hardStateChanged(replica, told) ? replica.hardState : undefined;
  if (replica.isLeader && replica.log.lastIndex > replica.ownAckIndex) acknowledgeOwn(replica);
  const promises = replica.outboxWhenDurable;
  if (entries.length === 0 && snapshot === undefined && hardState === undefined && promises.length === 0)
    return undefined;
  replica.outboxWhenDurable = [];
  tail.handOut();
  const isOwn = (message: Message): boolean => message.to === replica.id;
  const voteOrTerm =
    hardState !== undefined && (hardState.term !== told.term || hardState.vote !== told.vote);
  return {
    ...(hardState === undefined ? {} : { hardState }),
    entries,
    ...(snapshot === undefined ? {} : { snapshot }),
    mustSync: entries.length > 0 || snapshot !== undefined || voteOrTerm,
    messages: promises.filter((message) => !isOwn(message)),
    completion: completionOf(replica, promises.filter(isOwn), snapshot?.index ?? 0),
  };
}

/** Takes the next entries to apply. */
export function takeApply(replica: Replica): StorageApply | undefined {
  const entries = replica.log.nextCommitted(!replica.options.asyncStorageWrites);
  if (entries.length === 0) return undefined;
  replica.log.handOut(entries, sizeOf(entries));
  if (replica.isLeader) replica.uncommittedBytes -= proposedBytes(replica, entries);
  return { entries };
}

/** What these entries were counted with when they were proposed: only commands of the leader's own term were. */
function proposedBytes(replica: Replica, entries: readonly Entry[]): number {
  let bytes = 0;
  for (const { type, term, data } of entries) {
    if (term === replica.term && type === EntryType.Normal) bytes += data.length;
  }
  return bytes;
}

/** A leader counts itself among those who have an entry only when the entry is on its disk. */
function acknowledgeOwn(replica: Replica): void {
  const { lastIndex } = replica.log;
  replica.ownAckIndex = lastIndex;
  replica.sendWhenDurable({
    type: "appendResponse",
    from: replica.id,
    to: replica.id,
    term: replica.term,
    index: lastIndex,
    reject: false,
    hintIndex: 0,
    hintTerm: 0,
  });
}

/**
 * Names the newest entry that is not known to be durable, even if an earlier write carries it: that write's own news is
 * worthless if the term changes in between, and the entry must not stay in memory for ever.
 */
function completionOf(replica: Replica, ownMessages: Message[], snapshotIndex: number): AppendCompletion {
  const { log, term } = replica;
  const waiting = log.tail.hasEntries;
  return {
    term,
    lastIndex: waiting ? log.lastIndex : 0,
    lastTerm: waiting ? log.lastTerm : 0,
    snapshotIndex,
    ownMessages,
  };
}

function hardStateChanged(replica: Replica, told: HardState): boolean {
  return replica.term !== told.term || replica.vote !== told.vote || replica.log.committed !== told.commit;
}
