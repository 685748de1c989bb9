import type { Configuration, Entry, Message, Status } from "../../index.ts";

/** Something that the checkers look at, in the order in which it happens. */
export type Observation =
  /** A replica came to lead a term. */
  | { readonly type: "elected"; readonly replica: number; readonly term: number }
  /** A leader found more entries committed. */
  | {
      readonly type: "committed";
      readonly replica: number;
      readonly index: number;
      readonly configuration: Configuration;
    }
  /** A message was handed to the network. */
  | { readonly type: "sent"; readonly message: Message }
  /** Entries were handed to the disk. */
  | {
      readonly type: "written";
      readonly replica: number;
      readonly entries: readonly Entry[];
      readonly previousTerm: number;
    }
  | { readonly type: "applied"; readonly replica: number; readonly entry: Entry; readonly digest: number }
  | { readonly type: "restored"; readonly replica: number; readonly index: number; readonly digest: number }
  | { readonly type: "reconfigured"; readonly replica: number; readonly configuration: Configuration }
  /** A replica has done everything it had to do. */
  | { readonly type: "turned"; readonly replica: number; readonly status: Status };

/** What a checker may look at besides what it is told. */
export interface WorldView {
  readonly replicas: readonly ReplicaView[];
}

/** One replica, from the outside. */
export interface ReplicaView {
  readonly id: number;
  /** Undefined while it is down. */
  readonly status: Status | undefined;
  /** The term of an entry in its log, written or still being written; undefined when it is not there. */
  termAt(index: number): number | undefined;
  /** The same of what would be left after a loss of power. */
  durableTermAt(index: number): number | undefined;
  readonly durable: {
    readonly term: number;
    readonly vote: number;
    readonly lastIndex: number;
    readonly snapshotIndex: number;
  };
}

/** Looks for one kind of violation. One instance per simulation. */
export interface Checker {
  /** The property, as the paper calls it. */
  readonly name: string;
  /** Returns what is wrong; undefined when nothing is. */
  observe(observation: Observation, world: WorldView): string | undefined;
}
