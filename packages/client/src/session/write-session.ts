/**
 * The identity of a client's writes, by which shards recognise a write that arrives twice (Raft dissertation, section 6.3).
 *
 * Many writes of a session are under way at once and are answered in any order. A shard keeps each answer until the client
 * says that it has it: `acknowledgedBelow` is the lowest position that is still unanswered. One slow write therefore holds
 * back the acknowledgement of all later ones, and what shards must keep grows; the window bounds that.
 */

/** Bytes of a session's id. */
export const sessionIdBytes = 16;

/**
 * Positions from the lowest unanswered one that a session may use. Half of the 8192 answers that a shard keeps for a
 * session, since shards hear of acknowledgements late. A power of two.
 */
export const sessionWindow = 4096;

/** Places writes in a session. */
export class WriteSession {
  /** Random; the same in every write of the session. */
  readonly session: Uint8Array;
  /** When the session was opened, in milliseconds since 1970 by a server's clock. */
  readonly openedMs: number;
  /** Counts the sessions of a client, to tell them apart cheaply. */
  readonly ordinal: number;
  /** A shard has forgotten the session: writes that were never applied belong into another one. */
  isExpired = false;
  /** A shard has answered a write of the session, so the session's date was good enough for it. */
  isAccepted = false;
  /** Which positions of the window are answered, by position modulo the window. */
  readonly #answered = new Uint8Array(sessionWindow);
  #acknowledgedBelow = 1;
  #next = 1;
  #unanswered = 0;

  constructor(fields: { session: Uint8Array; openedMs: number; ordinal: number }) {
    this.session = fields.session;
    this.openedMs = fields.openedMs;
    this.ordinal = fields.ordinal;
  }

  /** The lowest unanswered position. Invariant: every position below it is answered. */
  get acknowledgedBelow(): number {
    return this.#acknowledgedBelow;
  }

  /** Writes that have a position and no answer yet. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Whether `count` more positions fit into the window. */
  hasRoom(count: number): boolean {
    return this.#next + count - this.#acknowledgedBelow <= sessionWindow;
  }

  /** Gives positions to `count` writes and returns the first one. The window must have room for them. */
  begin(count: number): number {
    if (!this.hasRoom(count)) throw new Error("a write was placed outside the window of its session");
    const first = this.#next;
    for (let seq = first; seq < first + count; seq += 1) this.#answered[seq % sessionWindow] = 0;
    this.#next += count;
    this.#unanswered += count;
    return first;
  }

  /** The caller of the write at `seq` has its answer, or was told that there will be none; it is never sent again. */
  settle(seq: number): void {
    const answered = this.#answered;
    if (seq < this.#acknowledgedBelow || answered[seq % sessionWindow] === 1) {
      throw new Error(`the write at position ${seq} was answered twice`);
    }
    answered[seq % sessionWindow] = 1;
    this.#unanswered -= 1;
    while (this.#acknowledgedBelow < this.#next && answered[this.#acknowledgedBelow % sessionWindow] === 1) {
      this.#acknowledgedBelow += 1;
    }
  }
}
