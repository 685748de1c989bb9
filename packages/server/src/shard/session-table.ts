/**
 * The sessions of a shard: what makes a write happen at most once although clients and nodes send it again.
 *
 * A session needs no call to be opened: its first write brings it. The danger of that is a write that arrives again
 * after its session was forgotten. So the table remembers the youngest session it has ever forgotten, by the date that the
 * session itself carries, and refuses unknown sessions that are as old or older. Dates are only compared with dates
 * that were carried the same way, so a wrong clock can cause a needless refusal and never a second application.
 *
 * Everything here is driven by the log and therefore the same on every replica.
 */
import type { StreamIdentity } from "@titan-kv/proto/pipeline";
import { Session } from "./session.ts";

/** How many sessions a shard keeps, and for how long. */
export interface SessionLimits {
  /** Sessions kept; the one used longest ago goes first. */
  readonly maxSessions: number;
  /** A session unused for this long by log time is forgotten. */
  readonly idleMs: number;
}

export const defaultSessionLimits: SessionLimits = { maxSessions: 100_000, idleMs: 3_600_000 };

export class SessionTable {
  readonly #limits: SessionLimits;
  /** By session id in hexadecimal. In the order of last use, the longest unused first. */
  readonly #sessions = new Map<string, Session>();
  /** Sessions changed since the last `takeChanges`; `undefined` means removed. */
  readonly #changed = new Map<string, Session | undefined>();
  #uses = 0;
  /** Unknown sessions opened at or before this date are refused. */
  #forgottenThroughMs = 0;

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Uses of any session so far, which number the order of last use. */
  get uses(): number {
    return this.#uses;
  }

  get forgottenThroughMs(): number {
    return this.#forgottenThroughMs;
  }

  /** Puts back what the store remembers. Sessions must come in any order, `finishLoading` sorts them. */
  load(id: string, session: Session): void {
    this.#sessions.set(id, session);
  }

  /** Restores the order of last use, which the store does not keep. */
  finishLoading(remembered: { readonly forgottenThroughMs: number; readonly uses: number }): void {
    this.#forgottenThroughMs = remembered.forgottenThroughMs;
    this.#uses = remembered.uses;
    const sorted = [...this.#sessions].toSorted(([, a], [, b]) => a.lastUse - b.lastUse);
    this.#sessions.clear();
    for (const [id, session] of sorted) this.#sessions.set(id, session);
  }

  /**
   * The session of the writes that follow, marked as used; `undefined` when the shard has forgotten sessions of its age.
   */
  use(identity: StreamIdentity, timeMs: number): Session | undefined {
    const id = Buffer.from(identity.session).toString("hex");
    let session = this.#sessions.get(id);
    if (session === undefined) {
      if (identity.openedMs <= this.#forgottenThroughMs) return undefined;
      session = new Session(identity.openedMs);
    } else {
      this.#sessions.delete(id);
    }
    this.#uses += 1;
    session.lastUse = this.#uses;
    session.lastUsedMs = timeMs;
    session.acknowledge(identity.acknowledgedBelow);
    this.#sessions.set(id, session);
    this.#changed.set(id, session);
    return session;
  }

  /**
   * Forgets what is unused for too long and what is too many. Called after each entry, not after
   * each batch: replicas cut the log into batches differently and must forget at the same points.
   */
  evict(timeMs: number): void {
    for (const [id, session] of this.#sessions) {
      const isIdle = timeMs - session.lastUsedMs > this.#limits.idleMs;
      if (!isIdle && this.#sessions.size <= this.#limits.maxSessions) return;
      this.#sessions.delete(id);
      this.#changed.set(id, undefined);
      this.#forgottenThroughMs = Math.max(this.#forgottenThroughMs, session.openedMs);
    }
  }

  /** Unknown sessions opened at or before the date are refused from now on. */
  refuseThrough(dateMs: number): void {
    this.#forgottenThroughMs = Math.max(this.#forgottenThroughMs, dateMs);
  }

  /** What has to be stored since the last call: encoded sessions, `undefined` for removed ones. */
  takeChanges(): { readonly id: string; readonly encoded: Uint8Array | undefined }[] {
    const changes = [...this.#changed].map(([id, session]) => ({ id, encoded: session?.encode() }));
    this.#changed.clear();
    return changes;
  }
}
