// Commands on their way into the log.

import { EntryType } from "./entry.ts";
import { proposalRefusal } from "./membership.ts";
import type { ProposeResult } from "./proposal-result.ts";
import type { Replica } from "./replica.ts";
import { appendOwn } from "./replication.ts";

/** Appends commands at the leader, all or none; passes them on, if that is enabled; or says why not. */
export function proposeCommands(replica: Replica, datas: readonly Uint8Array[]): ProposeResult {
  const reason = proposalRefusal(replica);
  if (reason === "notLeader" && replica.options.proposalForwarding) return forward(replica, datas);
  if (reason !== undefined) return { status: "dropped", reason };
  let bytes = 0;
  for (const data of datas) bytes += data.length;
  // Something of any size may wait if nothing else does; otherwise a large command could never be proposed.
  const { uncommittedBytes } = replica;
  if (uncommittedBytes > 0 && bytes > 0 && uncommittedBytes + bytes > replica.options.maxUncommittedBytes) {
    return { status: "dropped", reason: "overloaded" };
  }
  replica.uncommittedBytes += bytes;
  const index = appendOwn(replica, datas, EntryType.Normal);
  return { status: "appended", index, term: replica.term };
}

function forward(replica: Replica, datas: readonly Uint8Array[]): ProposeResult {
  const { leader } = replica;
  replica.send({ type: "proposal", from: replica.id, to: leader, term: 0, datas });
  return { status: "forwarded", leader };
}
