// Linearizable reads without writing to the log (dissertation, section 6.4). The leader remembers what is committed, proves
// that it still leads, and the asker reads once it has applied that far.
//
// Two mistakes are classical. A new leader does not know what is committed until an entry of its own term is, so earlier
// reads wait (etcd #7331). And an answer to an old round must not confirm a newer read: reads are tied to rounds by a
// counter that the leader alone draws from, never by a name that the asker chose and may use again (etcd #20418).

import { announceCommit } from "./commit-news.ts";
import type { ReadRequest, ReadResponse } from "./message.ts";
import type { ReadResult } from "./proposal-result.ts";
import type { EarlyRead, PendingRead } from "./read-queue.ts";
import type { Replica } from "./replica.ts";

/** A read asked of this replica. */
export function startRead(replica: Replica, confirm: boolean): ReadResult {
  const { leader } = replica;
  if (leader === 0) return { status: "dropped", reason: "noLeader" };
  if (replica.isLeader && replica.reads.size >= replica.options.maxPendingReads) {
    return { status: "dropped", reason: "overloaded" };
  }
  replica.lastTicket += 1;
  const ticket = replica.lastTicket;
  const { incarnation } = replica.options;
  if (replica.isLeader) admit(replica, { ticket, from: replica.id, incarnation, confirm });
  else
    replica.send({
      type: "readRequest",
      from: replica.id,
      to: leader,
      term: 0,
      ticket,
      confirm,
      incarnation,
    });
  return { status: "accepted", ticket };
}

/** A read that a follower passed on. Without an answer its host asks again. */
export function handleReadRequest(replica: Replica, message: ReadRequest): void {
  if (!replica.isLeader || replica.reads.size >= replica.options.maxPendingReads) return;
  const { ticket, from, incarnation, confirm } = message;
  admit(replica, { ticket, from, incarnation, confirm });
}

/** The leader's answer to a read of this replica, if it was asked in this life. */
export function handleReadResponse(replica: Replica, message: ReadResponse): void {
  if (message.incarnation !== replica.options.incarnation) return;
  replica.readStates.push({ ticket: message.ticket, index: message.index });
}

/** The first entry of the term is committed: the reads that waited for it can begin. */
export function releaseEarlyReads(replica: Replica): void {
  if (!replica.hasCommittedInTerm) return;
  for (const read of replica.reads.takeEarly()) admit(replica, read);
}

/** Answers the reads whose round a majority has answered, and extends the lease. */
export function releaseConfirmedReads(replica: Replica): void {
  const confirmed = replica.members.quorumRound();
  if (replica.leaseMode) replica.lease.roundConfirmed(confirmed);
  for (const read of replica.reads.takeConfirmed(confirmed)) answer(replica, read, read.index);
}

/** Whether a lease would answer a read now. */
export function hasLease(replica: Replica): boolean {
  return (
    replica.leaseMode &&
    replica.isLeader &&
    replica.transferTarget === 0 &&
    replica.hasCommittedInTerm &&
    replica.lease.valid(replica.options.monotonicTicks())
  );
}

function admit(replica: Replica, read: EarlyRead): void {
  if (!replica.hasCommittedInTerm) {
    replica.reads.addEarly(read);
    return;
  }
  const index = replica.log.committed;
  if (!read.confirm && hasLease(replica)) {
    answer(replica, read, index);
    return;
  }
  const pending: PendingRead = { ...read, index, round: replica.round + 1 };
  replica.reads.add(pending);
  // All reads of one turn share the round that begins when the caller takes the next work.
  replica.roundDue = true;
}

function answer(replica: Replica, { ticket, from, incarnation }: EarlyRead, index: number): void {
  if (from === replica.id) {
    replica.readStates.push({ ticket, index });
    return;
  }
  replica.send({
    type: "readResponse",
    from: replica.id,
    to: from,
    term: replica.term,
    ticket,
    incarnation,
    index,
  });
  // The asker waits until it has applied that far, so it has to hear that it may.
  announceCommit(replica);
}
