/** Takes in states that other nodes send. */
import { crc32 } from "node:zlib";
import type { InstallSnapshot } from "../core/message.ts";
import { RaftError } from "../core/raft-error.ts";
import type { SnapshotMetadata } from "../core/snapshot.ts";
import { ChunkQueue } from "./chunk-queue.ts";
import type { ChunkSection, GroupAddress, OfferSection, TransferState } from "./frame.ts";
import type { GroupReplica } from "./group-replica.ts";
import type { ResolvedHostOptions } from "./host-options.ts";
import type { Outbox } from "./outbox.ts";

/** A transfer that is not heard of for so many election timeouts is given up; a finished one is forgotten. */
const patienceElectionTimeouts = 15;

/** One state on its way in. */
interface Incoming {
  readonly key: string;
  readonly replica: GroupReplica;
  readonly offer: OfferSection;
  readonly node: number;
  readonly chunks: ChunkQueue;
  state: TransferState;
  /** Everything before this has arrived; its checksum. */
  offset: number;
  checksum: number;
  /** Everything before this has been taken in. */
  taken: number;
  lastHeardMs: number;
}

/** What the receiver needs of its host. */
export interface StateReceiverOptions {
  readonly host: ResolvedHostOptions;
  readonly outbox: Outbox;
  /** Something was put into the outbox outside a turn. */
  readonly wake: () => void;
}

/** The states on their way into this node. */
export class StateReceiver {
  readonly #options: StateReceiverOptions;
  readonly #incoming = new Map<string, Incoming>();

  constructor(options: StateReceiverOptions) {
    this.#options = options;
  }

  /** Another node offers a state, perhaps not for the first time. */
  offered(node: number, replica: GroupReplica, offer: OfferSection): void {
    const key = `${node}/${offer.transfer}`;
    const known = this.#incoming.get(key);
    if (known !== undefined) {
      known.lastHeardMs = this.#options.host.clock.now();
      this.#acknowledge(node, offer, known.state, known.taken);
      return;
    }
    const { hardState, applied } = replica.status();
    // A state that ends before the log begins would leave out what lies between.
    const wanted =
      offer.purpose === "install"
        ? offer.metadata.index > hardState.commit
        : replica.pipeline.held && offer.metadata.index >= applied;
    if (!wanted || offer.term < hardState.term) {
      this.#acknowledge(node, offer, "refused", 0);
      return;
    }
    // One state at a time for a group: whoever offers last is the one that leads now.
    for (const other of this.#incoming.values()) {
      if (other.replica === replica && other.state === "receiving")
        this.#giveUp(other, "another transfer took its place");
    }
    const receiving = [...this.#incoming.values()].filter(({ state }) => state === "receiving").length;
    if (receiving >= this.#options.host.limits.maxIncomingSnapshots) {
      this.#acknowledge(node, offer, "busy", 0);
      return;
    }
    const incoming: Incoming = {
      key,
      replica,
      offer,
      node,
      chunks: new ChunkQueue(),
      state: "receiving",
      offset: 0,
      checksum: 0,
      taken: 0,
      lastHeardMs: this.#options.host.clock.now(),
    };
    this.#incoming.set(key, incoming);
    void this.#receive(incoming);
    this.#acknowledge(node, offer, "receiving", 0);
  }

  /** A part of a state. */
  chunk(node: number, section: ChunkSection): void {
    const incoming = this.#incoming.get(`${node}/${section.transfer}`);
    if (incoming === undefined) {
      this.#acknowledge(node, section, "unknown", 0);
      return;
    }
    incoming.lastHeardMs = this.#options.host.clock.now();
    const { data, offset, checksum } = section;
    const expected = incoming.state === "receiving" && offset === incoming.offset;
    if (!expected || crc32(data, incoming.checksum) !== checksum) {
      this.#acknowledge(node, section, incoming.state, incoming.taken);
      return;
    }
    incoming.offset += data.length;
    incoming.checksum = checksum;
    const end = incoming.offset;
    // Acknowledged when it was taken in, not when it arrived: a slow disk slows the sender.
    incoming.chunks.push(data, () => {
      incoming.taken = end;
      if (incoming.state === "receiving") this.#acknowledge(node, section, "receiving", end);
    });
    if (section.last) incoming.chunks.end();
  }

  /** Gives up what is not heard of any more. */
  tick(nowMs: number): void {
    const { electionTicks, tickMs } = this.#options.host.timing;
    const patienceMs = patienceElectionTimeouts * electionTicks * tickMs;
    for (const incoming of this.#incoming.values()) {
      if (nowMs - incoming.lastHeardMs < patienceMs) continue;
      this.#giveUp(incoming, "nothing was heard of it any more");
      this.#incoming.delete(incoming.key);
    }
  }

  /** The replica has stopped. */
  abandon(replica: GroupReplica): void {
    for (const incoming of this.#incoming.values()) {
      if (incoming.replica === replica) this.#giveUp(incoming, "the replica has stopped");
    }
  }

  async #receive(incoming: Incoming): Promise<void> {
    const { replica, offer, chunks } = incoming;
    const { metrics } = this.#options.host;
    try {
      const state = await replica.state.receive(offer.metadata, chunks);
      if (incoming.state !== "receiving") {
        await state.discard();
        return;
      }
      if (offer.purpose === "install") replica.acceptSnapshot(installMessage(offer, offer.metadata), state);
      else await replica.bringUpToDate(offer.metadata, state);
      metrics.count("snapshotsReceived", 1);
      this.#end(incoming, "complete");
    } catch {
      // The sender is told, and its core decides whether to try again.
      metrics.count("snapshotsFailed", 1);
      this.#end(incoming, "refused");
    }
  }

  #giveUp(incoming: Incoming, why: string): void {
    if (incoming.state !== "receiving") return;
    incoming.state = "refused";
    incoming.chunks.fail(new RaftError("CLOSED", `The transfer of a state was given up: ${why}.`));
  }

  #end(incoming: Incoming, state: TransferState): void {
    incoming.state = state;
    this.#acknowledge(incoming.node, incoming.offer, state, incoming.taken);
  }

  #acknowledge(
    node: number,
    about: GroupAddress & { readonly transfer: number },
    state: TransferState,
    offset: number,
  ): void {
    const { group, incarnation, from, to, transfer } = about;
    const address = { group, incarnation, from: to, to: from };
    this.#options.outbox.add(node, { kind: "acknowledgement", ...address, transfer, state, offset });
    this.#options.wake();
  }
}

function installMessage({ from, to, term }: OfferSection, snapshot: SnapshotMetadata): InstallSnapshot {
  return { type: "installSnapshot", from, to, term, snapshot };
}
