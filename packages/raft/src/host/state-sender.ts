/**
 * Sends states to replicas that lag too far behind for the log.
 *
 * A transfer is offered, then sent in checksummed chunks, a few of which are under way at a time; the receiver
 * acknowledges what it has taken in. What is not acknowledged for a while is sent again from there, so a broken connection
 * costs what was under way and not what had arrived. Transfers are few at a time, and share a number of bytes per second,
 * because a node that lags needs its leader to go on working.
 */
import { crc32 } from "node:zlib";
import type { InstallSnapshot } from "../core/message.ts";
import { inPieces, type Piece } from "./chunked.ts";
import type { AcknowledgementSection, TransferPurpose } from "./frame.ts";
import type { GroupReplica } from "./group-replica.ts";
import type { ResolvedHostOptions } from "./host-options.ts";
import type { Outbox } from "./outbox.ts";
import type { CapturedState } from "./state-keeper.ts";

/** Chunks sent and not acknowledged, per transfer. */
const maxChunksUnderWay = 4;

/** A transfer that makes no progress for so many election timeouts is given up. */
const patienceElectionTimeouts = 15;

/** States waiting for their turn to be sent; beyond that the receiver asks again later. */
const maxQueuedTransfers = 1024;

/** A chunk that was sent: where it ends, and the checksum of everything up to there. */
interface SentChunk {
  readonly end: number;
  readonly checksum: number;
}

/** One state on its way to one replica. */
interface Transfer {
  readonly id: number;
  readonly replica: GroupReplica;
  readonly to: number;
  readonly node: number;
  readonly purpose: TransferPurpose;
  readonly term: number;
  captured: CapturedState | undefined;
  /** The source of further chunks; undefined before the receiver has said where to begin. */
  pieces: AsyncIterator<Piece> | undefined;
  /** Everything before this was acknowledged; its checksum. */
  acknowledged: SentChunk;
  underWay: SentChunk[];
  /** Whether the last chunk was sent. */
  ended: boolean;
  reading: boolean;
  lastHeardMs: number;
  lastProgressMs: number;
  closed: boolean;
}

/** What the sender needs of its host. */
export interface StateSenderOptions {
  readonly host: ResolvedHostOptions;
  readonly outbox: Outbox;
  /** Something was put into the outbox outside a turn. */
  readonly wake: () => void;
}

/** The states on their way out of this node. */
export class StateSender {
  readonly #options: StateSenderOptions;
  readonly #active = new Map<number, Transfer>();
  #queue: Transfer[] = [];
  #lastId = 0;
  #tokens: number;
  #refilledMs: number;

  constructor(options: StateSenderOptions) {
    this.#options = options;
    this.#tokens = options.host.limits.snapshotChunkBytes;
    this.#refilledMs = options.host.clock.now();
  }

  /** Sends a state of `replica`, because its core wants a snapshot installed. */
  install(replica: GroupReplica, message: InstallSnapshot): void {
    this.#enqueue(replica, { to: message.to, purpose: "install", term: message.term });
  }

  /** Sends a state of `replica` to one whose state machine is too old for its log. */
  sendState(replica: GroupReplica, to: number): void {
    this.#enqueue(replica, { to, purpose: "state", term: replica.status().hardState.term });
  }

  acknowledged(section: AcknowledgementSection): void {
    const transfer = this.#active.get(section.transfer);
    if (transfer === undefined || transfer.replica.group !== section.group || transfer.to !== section.from)
      return;
    const nowMs = this.#options.host.clock.now();
    transfer.lastHeardMs = nowMs;
    switch (section.state) {
      case "receiving":
        this.#receiving(transfer, section.offset, nowMs);
        return;
      case "complete":
        this.#finish(transfer, "sent");
        return;
      case "refused":
        this.#finish(transfer, "failed");
        return;
      case "unknown":
        // The receiver has forgotten: it was restarted, or has waited too long. Begin anew.
        this.#rewind(transfer, beginning);
        return;
      case "busy":
    }
  }

  /** Repeats what was lost, gives up what is hopeless, begins what waits, and refills the budget. */
  tick(nowMs: number): void {
    const { limits, timing } = this.#options.host;
    const refill = ((nowMs - this.#refilledMs) / 1000) * limits.snapshotBytesPerSecond;
    this.#refilledMs = nowMs;
    // The budget does not pile up while nothing is sent; it always suffices for one chunk.
    const ceiling = Math.max(
      limits.snapshotChunkBytes,
      (limits.snapshotBytesPerSecond * timing.tickMs) / 500,
    );
    this.#tokens = Math.min(ceiling, this.#tokens + refill);
    const electionMs = timing.electionTicks * timing.tickMs;
    for (const transfer of this.#active.values()) {
      if (nowMs - transfer.lastProgressMs >= patienceElectionTimeouts * electionMs)
        this.#finish(transfer, "failed");
      else if (nowMs - transfer.lastHeardMs >= electionMs && transfer.captured !== undefined) {
        transfer.lastHeardMs = nowMs;
        this.#rewind(transfer, transfer.acknowledged);
      } else void this.#pump(transfer);
    }
    this.#startQueued();
  }

  /** The replica has stopped, or leads no longer. */
  abandon(replica: GroupReplica): void {
    this.#queue = this.#queue.filter((transfer) => transfer.replica !== replica);
    for (const transfer of this.#active.values()) {
      if (transfer.replica === replica) this.#finish(transfer, "failed");
    }
  }

  #enqueue(
    replica: GroupReplica,
    { to, purpose, term }: { readonly to: number; readonly purpose: TransferPurpose; readonly term: number },
  ): void {
    const same = (transfer: Transfer): boolean =>
      transfer.replica === replica && transfer.to === to && transfer.purpose === purpose;
    if (this.#queue.some(same) || [...this.#active.values()].some(same)) return;
    if (this.#queue.length >= maxQueuedTransfers) {
      if (purpose === "install") replica.reportSnapshot(to, "failed");
      return;
    }
    const nowMs = this.#options.host.clock.now();
    this.#lastId += 1;
    this.#queue.push({
      id: this.#lastId,
      replica,
      to,
      node: this.#options.host.nodeOf(to),
      purpose,
      term,
      captured: undefined,
      pieces: undefined,
      acknowledged: beginning,
      underWay: [],
      ended: false,
      reading: false,
      lastHeardMs: nowMs,
      lastProgressMs: nowMs,
      closed: false,
    });
    this.#startQueued();
  }

  #startQueued(): void {
    while (this.#active.size < this.#options.host.limits.maxOutgoingSnapshots) {
      const transfer = this.#queue.shift();
      if (transfer === undefined) return;
      this.#active.set(transfer.id, transfer);
      void this.#start(transfer);
    }
  }

  async #start(transfer: Transfer): Promise<void> {
    try {
      const captured = await transfer.replica.state.capture();
      if (transfer.closed) {
        await captured.snapshot.close();
        return;
      }
      transfer.captured = captured;
      transfer.lastHeardMs = this.#options.host.clock.now();
      transfer.lastProgressMs = transfer.lastHeardMs;
      this.#offer(transfer, captured);
    } catch {
      // The replica has stopped, or its state machine could not take a snapshot; the core is told and asks again.
      this.#finish(transfer, "failed");
    }
  }

  #offer(transfer: Transfer, captured: CapturedState): void {
    const { replica, to, id, purpose, term } = transfer;
    const { metadata } = captured;
    const address = { group: replica.group, incarnation: replica.incarnation, from: replica.replica, to };
    this.#options.outbox.add(transfer.node, {
      kind: "offer",
      ...address,
      transfer: id,
      purpose,
      term,
      metadata,
    });
    this.#options.wake();
  }

  #receiving(transfer: Transfer, offset: number, nowMs: number): void {
    if (transfer.pieces === undefined) {
      const place = placeAt(transfer, offset);
      // An answer to something that was sent long ago: the present question is asked again if its answer is lost.
      if (place === undefined) return;
      transfer.acknowledged = place;
      transfer.underWay = [];
      transfer.ended = false;
      this.#openAt(transfer);
    } else {
      const at = transfer.underWay.findIndex(({ end }) => end === offset);
      const chunk = transfer.underWay[at];
      if (chunk !== undefined) {
        transfer.acknowledged = chunk;
        transfer.underWay = transfer.underWay.slice(at + 1);
        transfer.lastProgressMs = nowMs;
      }
    }
    void this.#pump(transfer);
  }

  /** Asks the receiver where it stands, and goes on from there. */
  #rewind(transfer: Transfer, place: SentChunk): void {
    transfer.pieces = undefined;
    transfer.acknowledged = place;
    if (transfer.captured !== undefined) this.#offer(transfer, transfer.captured);
  }

  #openAt(transfer: Transfer): void {
    const { captured, acknowledged } = transfer;
    if (captured === undefined) return;
    const source = captured.snapshot.read(acknowledged.end);
    transfer.pieces = inPieces(source, this.#options.host.limits.snapshotChunkBytes)[Symbol.asyncIterator]();
  }

  async #pump(transfer: Transfer): Promise<void> {
    if (transfer.reading) return;
    transfer.reading = true;
    try {
      while (
        !transfer.closed &&
        !transfer.ended &&
        transfer.underWay.length < maxChunksUnderWay &&
        this.#tokens > 0
      ) {
        const { pieces } = transfer;
        if (pieces === undefined) break;
        // eslint-disable-next-line no-await-in-loop -- chunks are read one after the other
        const next = await pieces.next();
        // While it was read, the transfer may have been taken back to an earlier place.
        if (transfer.pieces !== pieces || transfer.closed) break;
        if (next.done !== true) this.#sendChunk(transfer, next.value);
      }
    } catch {
      this.#finish(transfer, "failed");
    } finally {
      transfer.reading = false;
    }
  }

  #sendChunk(transfer: Transfer, piece: Piece): void {
    const { replica, to, id, underWay, acknowledged } = transfer;
    const before = underWay.at(-1) ?? acknowledged;
    const checksum = crc32(piece.data, before.checksum);
    underWay.push({ end: before.end + piece.data.length, checksum });
    transfer.ended = piece.last;
    this.#tokens -= piece.data.length;
    this.#options.outbox.add(transfer.node, {
      kind: "chunk",
      group: replica.group,
      incarnation: replica.incarnation,
      from: replica.replica,
      to,
      transfer: id,
      offset: before.end,
      last: piece.last,
      checksum,
      data: piece.data,
    });
    this.#options.host.metrics.count("snapshotBytesSent", piece.data.length);
    this.#options.wake();
  }

  #finish(transfer: Transfer, outcome: "sent" | "failed"): void {
    if (transfer.closed) return;
    transfer.closed = true;
    this.#active.delete(transfer.id);
    const { captured, replica, to, purpose } = transfer;
    if (captured !== undefined) Promise.resolve(captured.snapshot.close()).catch(() => undefined);
    this.#options.host.metrics.count(outcome === "sent" ? "snapshotsSent" : "snapshotsFailed", 1);
    if (purpose === "install") replica.reportSnapshot(to, outcome);
    this.#startQueued();
  }
}

const beginning: SentChunk = { end: 0, checksum: 0 };

/** A place that was reached before: only there is the checksum of what comes before it known. */
function placeAt({ acknowledged, underWay }: Transfer, offset: number): SentChunk | undefined {
  return [acknowledged, ...underWay, beginning].find(({ end }) => end === offset);
}
