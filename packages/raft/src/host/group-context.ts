import type { StorageAppend } from "../core/ready.ts";
import type { RaftError } from "../core/raft-error.ts";
import type { HostEvent } from "./events.ts";
import type { LogWrite } from "./log-storage.ts";
import type { ResolvedHostOptions } from "./host-options.ts";
import type { Outbox } from "./outbox.ts";
import type { GroupReplica } from "./group-replica.ts";
import type { InstallSnapshot } from "../core/message.ts";

/** What a replica needs of its host. */
export interface GroupContext {
  readonly options: ResolvedHostOptions;
  readonly outbox: Outbox;
  /** The replica has something to do in the next turn. */
  wake(replica: GroupReplica): void;
  event(event: HostEvent): void;
  /** Bytes of commands that wait for an answer, over all groups. */
  readonly proposalBytes: { used: number };
  /** Whether the disk is too slow for further proposals. */
  readonly diskIsSlow: () => boolean;
  /** A leader's core wants a snapshot sent. */
  sendSnapshot(replica: GroupReplica, message: InstallSnapshot): void;
  /** The replica leads no longer. */
  leadershipLost(replica: GroupReplica): void;
  /** The replica stopped because of an error. */
  failed(replica: GroupReplica, error: RaftError): void;
}

/** What one turn writes to the log. */
export interface TurnWrites {
  readonly writes: LogWrite[];
  /** Bytes of the entries among the writes. */
  bytes: number;
  readonly completions: { readonly replica: GroupReplica; readonly append: StorageAppend }[];
  mustSync: boolean;
}
