// Changes of membership while the group works (Raft paper, section 6).
//
// A change takes effect when it is applied, not when it is appended: what is applied is committed, so a configuration never
// has to be taken back. Only one change may be under way at a time, and a replica with a change committed but not applied
// does not stand for election.

import type { ConfChange } from "./conf-change.ts";
import { leaveJoint } from "./conf-change.ts";
import { decodeConfChange, encodeConfChange } from "./conf-change-codec.ts";
import type { Configuration } from "./configuration.ts";
import { isJoint } from "./configuration-rules.ts";
import { type Entry, EntryType } from "./entry.ts";
import { violated } from "./invariants.ts";
import { changedConfiguration } from "./joint-consensus.ts";
import type { DropReason, ProposeResult } from "./proposal-result.ts";
import { releaseConfirmedReads } from "./read-index.ts";
import type { Replica } from "./replica.ts";
import { advanceCommit, appendOwn, replicate } from "./replication.ts";
import { becomeFollower } from "./roles.ts";
import { abortTransfer } from "./transfer.ts";

/** Appends a change to the leader's log, or says why not. */
export function proposeChange(replica: Replica, change: ConfChange): ProposeResult {
  const reason = refusal(replica, change);
  return reason === undefined ? appendChange(replica, change) : { status: "dropped", reason };
}

/** An entry that changes the configuration is applied. Returns the configuration that is now in force. */
export function applyChange(replica: Replica, entry: Entry): Configuration {
  const configuration = afterEntry(replica.members.configuration, entry);
  replica.lastChangeIndex = entry.index;
  replica.members.adopt(configuration, Math.max(replica.log.lastIndex, 1));
  if (replica.isLeader) adjustLeader(replica);
  else if (replica.role !== "follower" && !replica.members.isVoter(replica.id)) {
    becomeFollower(replica, replica.term, 0);
  }
  return configuration;
}

/** The configuration after a committed entry. */
export function afterEntry(configuration: Configuration, entry: Entry): Configuration {
  const changed = changedConfiguration(configuration, decodeConfChange(entry.data), entry.index);
  return (
    changed ??
    violated(`Entry ${entry.index} changes the configuration in a way that its leader should have refused`)
  );
}

/** Everything up to here is applied: a joint configuration that is to be left by itself can be left. */
export function leaveJointIfDue(replica: Replica): void {
  const { configuration } = replica.members;
  if (!replica.isLeader || !configuration.autoLeave || !isJoint(configuration)) return;
  if (replica.log.applied >= replica.pendingChangeIndex) appendChange(replica, leaveJoint);
}

/** Why a leader (or a replica that is none) does not take a proposal now; undefined when it does. */
export function proposalRefusal(replica: Replica): DropReason | undefined {
  if (!replica.isLeader) return replica.leader === 0 ? "noLeader" : "notLeader";
  if (!replica.members.isVoter(replica.id)) return "removed";
  return replica.transferTarget === 0 ? undefined : "transferring";
}

function refusal(replica: Replica, change: ConfChange): DropReason | undefined {
  const general = proposalRefusal(replica);
  if (general !== undefined) return general;
  if (replica.pendingChangeIndex > replica.log.applied) return "changePending";
  const { configuration } = replica.members;
  const expected = change.expectedConfigurationIndex;
  if (expected !== undefined && expected !== configuration.index) return "configurationMoved";
  const changed = changedConfiguration(configuration, change, replica.log.lastIndex + 1);
  return changed === undefined ? "changeInvalid" : undefined;
}

function appendChange(replica: Replica, change: ConfChange): ProposeResult {
  const index = appendOwn(replica, [encodeConfChange(change)], EntryType.ConfChange);
  replica.pendingChangeIndex = index;
  return { status: "appended", index, term: replica.term };
}

/** The rules of the game have changed under the leader. */
function adjustLeader(replica: Replica): void {
  if (!replica.members.isVoter(replica.id)) {
    // It was removed, or is now a learner. The others should hear of the commitment before it falls silent (section 6).
    replica.commitNewsDue = true;
    replicate(replica);
    becomeFollower(replica, replica.term, 0);
    return;
  }
  // A lease rests on a majority of the old configuration.
  replica.lease.revoke();
  advanceCommit(replica);
  releaseConfirmedReads(replica);
  replica.replicationDue = true;
  if (
    replica.transferTarget !== 0 &&
    !replica.members.configuration.voters.includes(replica.transferTarget)
  ) {
    abortTransfer(replica);
  }
}
