import { hasLease } from "./read-index.ts";
import type { Replica } from "./replica.ts";
import type { Status } from "./status.ts";

/** A replica at this moment. */
export function describeReplica(replica: Replica): Status {
  const { log, members } = replica;
  return {
    id: replica.id,
    hardState: replica.hardState,
    role: replica.role,
    leader: replica.leader,
    applied: log.applied,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    configuration: members.configuration,
    changePending: replica.pendingChangeIndex > log.applied,
    transferTarget: replica.transferTarget,
    uncommittedBytes: replica.isLeader ? replica.uncommittedBytes : 0,
    pendingReads: replica.reads.size,
    leaseValid: hasLease(replica),
    progress: replica.isLeader ? members.all.map((progress) => progress.status()) : [],
  };
}
