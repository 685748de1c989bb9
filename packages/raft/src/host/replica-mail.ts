import type { InstallSnapshot, Message } from "../core/message.ts";
import type { Status } from "../core/status.ts";
import type { ResolvedHostOptions } from "./host-options.ts";
import type { Outbox } from "./outbox.ts";

/** Who writes, and how it leaves. */
export interface ReplicaMailOptions {
  readonly group: number;
  readonly replica: number;
  readonly incarnation: number;
  readonly outbox: Outbox;
  readonly nodeOf: ResolvedHostOptions["nodeOf"];
  /** A snapshot is not a message but a transfer. */
  readonly sendSnapshot: (message: InstallSnapshot) => void;
}

/** What one replica says to the others of its group, with the addresses that frames need. */
export class ReplicaMail {
  readonly #options: ReplicaMailOptions;

  constructor(options: ReplicaMailOptions) {
    this.#options = options;
  }

  /** What the core has to say. */
  send(message: Message): void {
    const { group, incarnation, outbox, nodeOf, sendSnapshot } = this.#options;
    if (message.type === "installSnapshot") sendSnapshot(message);
    else outbox.addMessage(nodeOf(message.to), group, incarnation, message);
  }

  /** Tells all others that there will be no heartbeats, because there is nothing to do. */
  sayQuiet({ hardState, progress }: Status): void {
    const { group, incarnation, replica: from, outbox, nodeOf } = this.#options;
    const { term, commit } = hardState;
    for (const { replica: to } of progress) {
      if (to === from) continue;
      outbox.add(nodeOf(to), { kind: "quiet", group, incarnation, from, to, term, commit });
    }
  }

  /** Asks the leader for its state. */
  requestState(leader: number): void {
    const { group, incarnation, replica: from, outbox, nodeOf } = this.#options;
    outbox.add(nodeOf(leader), { kind: "stateRequest", group, incarnation, from, to: leader });
  }
}
