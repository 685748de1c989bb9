/**
 * Linearizable reads between the question and the answer.
 *
 * All reads asked in one turn share one *round*: one question to the core, which costs one exchange of messages with a
 * majority however many reads there are. While rounds are under way further reads gather, so that there are never more
 * than a few rounds at a time. A round whose answer is lost, or whose leader is gone, is asked again under a new ticket;
 * the old ticket's answer would still be right, but nobody waits for it.
 */
import type { ReadResult } from "../core/proposal-result.ts";
import type { RaftError } from "../core/raft-error.ts";
import { refusal } from "./proposal-book.ts";

/** Someone who waits to read. */
interface Reader {
  readonly startedMs: number;
  readonly resolve: (index: number) => void;
  readonly reject: (error: RaftError) => void;
}

/** Readers that share a question to the core. */
interface Round {
  readonly readers: readonly Reader[];
  readonly askedMs: number;
}

/** Readers that may read once the state machine has applied `index`. */
interface Confirmed {
  readonly index: number;
  readonly readers: readonly Reader[];
}

/** Rounds under way at a time; a further read waits for one of them to end. */
const maxRounds = 4;

/** The reads of one group on this node. */
export class ReadBook {
  readonly #group: number;
  #staged: Reader[] = [];
  readonly #rounds = new Map<number, Round>();
  #confirmed: Confirmed[] = [];
  #pending = 0;
  /** Whether there is nobody to ask until something changes: asking on would keep the process busy for nothing. */
  #refused = false;

  constructor(group: number) {
    this.#group = group;
  }

  /** Reads not answered yet. */
  get pending(): number {
    return this.#pending;
  }

  /** Whether there is a question to ask now. */
  get mayAsk(): boolean {
    return this.#staged.length > 0 && this.#rounds.size < maxRounds && !this.#refused;
  }

  stage(reader: Reader): void {
    this.#staged.push(reader);
    this.#pending += 1;
  }

  /** There may be a leader now: it can be asked again. */
  retry(): void {
    this.#refused = false;
  }

  /** Asks for all staged reads. Without a leader they stay staged, until the next tick or the next leader. */
  ask(nowMs: number, readIndex: () => ReadResult): void {
    if (!this.mayAsk) return;
    const result = readIndex();
    if (result.status === "dropped") {
      this.#refused = true;
      return;
    }
    this.#rounds.set(result.ticket, { readers: this.#staged, askedMs: nowMs });
    this.#staged = [];
  }

  /** A round was confirmed: its readers may read at `index`. */
  confirmed(ticket: number, index: number): void {
    const round = this.#rounds.get(ticket);
    if (round === undefined) return;
    this.#rounds.delete(ticket);
    this.#confirmed.push({ index, readers: round.readers });
  }

  /** A round will never be confirmed. */
  abandoned(ticket: number): void {
    const round = this.#rounds.get(ticket);
    if (round === undefined) return;
    this.#rounds.delete(ticket);
    this.#staged = [...round.readers, ...this.#staged];
  }

  /** Answers the reads that the state machine has caught up with; `answered` gets each one's start. */
  release(appliedIndex: number, answered: (startedMs: number) => void): void {
    if (this.#confirmed.length === 0) return;
    const waiting: Confirmed[] = [];
    for (const confirmed of this.#confirmed) {
      if (confirmed.index > appliedIndex) {
        waiting.push(confirmed);
        continue;
      }
      this.#pending -= confirmed.readers.length;
      for (const reader of confirmed.readers) {
        answered(reader.startedMs);
        reader.resolve(appliedIndex);
      }
    }
    this.#confirmed = waiting;
  }

  /** Asks again what was not answered within `retryMs`, and refuses what has waited for `timeoutMs`. Returns how many. */
  expire(
    nowMs: number,
    times: { readonly retryMs: number; readonly timeoutMs: number },
    leader: number,
  ): number {
    for (const [ticket, round] of this.#rounds) {
      if (nowMs - round.askedMs >= times.retryMs) this.abandoned(ticket);
    }
    this.retry();
    const late = (reader: Reader): boolean => nowMs - reader.startedMs >= times.timeoutMs;
    const expired = this.#staged.filter(late);
    if (expired.length > 0) this.#staged = this.#staged.filter((reader) => !late(reader));
    expired.push(...this.#takeUnapplied(late));
    this.#pending -= expired.length;
    for (const reader of expired) reader.reject(refusal(this.#group, "noLeader", leader));
    return expired.length;
  }

  /** A replica that is cut off after a confirmation does not apply so far until it hears of its group again. */
  #takeUnapplied(late: (reader: Reader) => boolean): Reader[] {
    const taken = this.#confirmed.flatMap(({ readers }) => readers.filter(late));
    if (taken.length === 0) return taken;
    this.#confirmed = this.#confirmed
      .map(({ index, readers }) => ({ index, readers: readers.filter((reader) => !late(reader)) }))
      .filter(({ readers }) => readers.length > 0);
    return taken;
  }

  /** The group has stopped. */
  fail(error: RaftError): void {
    const readers = [
      ...this.#staged,
      ...[...this.#rounds.values()].flatMap((round) => round.readers),
      ...this.#confirmed.flatMap((confirmed) => confirmed.readers),
    ];
    this.#staged = [];
    this.#rounds.clear();
    this.#confirmed = [];
    this.#pending = 0;
    for (const reader of readers) reader.reject(error);
  }
}
