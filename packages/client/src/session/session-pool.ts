/**
 * One open session for each shard.
 *
 * With one session for all shards, a shard without a leader would stop the others: its writes stay unanswered, nothing
 * above them can be acknowledged, and the window fills up. Shards keep their sessions apart anyway, so a session per shard
 * costs them nothing. A write that follows its slot to another shard takes its identity along, and the shard finds the
 * answer among the sessions that moved with the slot.
 */
import { sessionIdBytes, sessionWindow, WriteSession } from "./write-session.ts";

/** A session full of answered writes behind this many stragglers, or fewer, is left to them and a new one is opened. */
const maxStragglers = sessionWindow / 8;

/** How much later a session is dated after the shard refused one for its age, and the most that doubling leads to. */
const firstPostdatingMs = 1000;
const maxPostdatingMs = 30 * 60_000;

interface ShardSessions {
  current: WriteSession;
  /** Added to the server's time in the date of the next session. */
  postdatingMs: number;
}

export class SessionPool {
  readonly #byShard = new Map<number, ShardSessions>();
  /** A server's wall clock in milliseconds since 1970. */
  readonly #serverNow: () => number;
  readonly #onOpened: (reason: "first" | "expired" | "stragglers") => void;
  #opened = 0;

  constructor(fields: {
    serverNow: () => number;
    onOpened?: (reason: "first" | "expired" | "stragglers") => void;
  }) {
    this.#serverNow = fields.serverNow;
    this.#onOpened = fields.onOpened ?? (() => undefined);
  }

  /**
   * The session for the next `count` writes to a shard; `undefined` when too many are unanswered, and they must wait until
   * some are.
   */
  sessionFor(shard: number, count: number): WriteSession | undefined {
    let sessions = this.#byShard.get(shard);
    if (sessions === undefined) {
      sessions = { current: this.#open(0, "first"), postdatingMs: 0 };
      this.#byShard.set(shard, sessions);
    } else if (sessions.current.isExpired) {
      sessions.current = this.#open(sessions.postdatingMs, "expired");
    }
    if (sessions.current.hasRoom(count)) return sessions.current;
    if (sessions.current.unanswered > maxStragglers) return undefined;
    sessions.current = this.#open(sessions.postdatingMs, "stragglers");
    return sessions.current;
  }

  /**
   * A shard has forgotten the session. When it had never accepted it, the next one gets a later date: the clock that dated
   * the forgotten sessions was ahead of ours, and dates are only ever compared with dates.
   */
  expire(shard: number, session: WriteSession): void {
    if (session.isExpired) return;
    session.isExpired = true;
    const sessions = this.#byShard.get(shard);
    if (sessions?.current !== session) return;
    sessions.postdatingMs = session.isAccepted
      ? 0
      : Math.min(maxPostdatingMs, Math.max(firstPostdatingMs, sessions.postdatingMs * 2));
  }

  #open(postdatingMs: number, reason: "first" | "expired" | "stragglers"): WriteSession {
    this.#opened += 1;
    this.#onOpened(reason);
    return new WriteSession({
      session: crypto.getRandomValues(new Uint8Array(sessionIdBytes)),
      openedMs: Math.floor(this.#serverNow() + postdatingMs),
      ordinal: this.#opened,
    });
  }
}
