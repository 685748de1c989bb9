import type { Configuration } from "../core/configuration.ts";
import type { RaftError } from "../core/raft-error.ts";
import type { Role } from "../core/ready.ts";

/** What happens in a host that somebody outside may want to know. */
export type HostEvent =
  /** The role of this replica changed, or the leader it knows of; 0 when it knows of none. */
  | {
      readonly type: "leader";
      readonly group: number;
      readonly term: number;
      readonly role: Role;
      readonly leader: number;
    }
  /** A change of membership was applied here. */
  | { readonly type: "configuration"; readonly group: number; readonly configuration: Configuration }
  /** A leader's snapshot took the place of the state here. */
  | { readonly type: "snapshotInstalled"; readonly group: number; readonly index: number }
  /** The log of this group was shortened; entries up to `through` are gone. */
  | { readonly type: "compacted"; readonly group: number; readonly through: number }
  /** A group stopped on this node; the others go on. Remove this replica from the group and add a new one. */
  | { readonly type: "groupFailed"; readonly group: number; readonly error: RaftError }
  /** A stored snapshot is not what was written; the state is made from what else there is, or fetched from the leader. */
  | {
      readonly type: "snapshotDamaged";
      readonly group: number;
      readonly index: number;
      readonly error: RaftError;
    }
  /** The log can no longer be written: every group has stopped. Restart the process. */
  | { readonly type: "logFailed"; readonly error: RaftError }
  /** The disk has not answered for so long that leaderships were given up; or it has recovered. */
  | { readonly type: "diskStalled"; readonly pendingMs: number }
  | { readonly type: "diskRecovered" }
  /** The process did not run for that long. */
  | { readonly type: "suspended"; readonly gapMs: number };
