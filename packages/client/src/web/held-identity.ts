import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WriteIdentitySchema } from "@titan-kv/proto";
import { TitanError } from "../errors/titan-error.ts";
import type { SessionPool } from "../session/session-pool.ts";
import type { WriteSession } from "../session/write-session.ts";

/** Without a pipeline there is one session for all shards. */
const allShards = 0;

/** Positions of a session that a call holds until it is settled. */
export class HeldIdentity {
  readonly #pool: SessionPool;
  readonly #count: number;
  #session: WriteSession;
  #first: number;
  /** False while the positions belong to the batch that this is a part of. */
  #isOwner: boolean;

  private constructor(fields: {
    pool: SessionPool;
    count: number;
    session: WriteSession;
    first: number;
    isOwner: boolean;
  }) {
    this.#pool = fields.pool;
    this.#count = fields.count;
    this.#session = fields.session;
    this.#first = fields.first;
    this.#isOwner = fields.isOwner;
  }

  /** Takes `count` positions. @throws TitanError OVERLOADED when too many writes are under way. */
  static take(pool: SessionPool, count: number): HeldIdentity {
    const session = sessionOf(pool, count);
    return new HeldIdentity({ pool, count, session, first: session.begin(count), isOwner: true });
  }

  /** The identity of the call, that of its first position. */
  wire(): MessageInitShape<typeof WriteIdentitySchema> {
    const { session, openedMs, acknowledgedBelow } = this.#session;
    return {
      session,
      openedMs: BigInt(openedMs),
      seq: BigInt(this.#first),
      acknowledgedBelow: BigInt(acknowledgedBelow),
    };
  }

  /** The identity of one operation of a batch. Its position stays with this one; releasing it changes nothing. */
  at(index: number): HeldIdentity {
    const first = this.#first + index;
    return new HeldIdentity({ pool: this.#pool, count: 1, session: this.#session, first, isOwner: false });
  }

  /** The session was forgotten: positions in another one. @throws TitanError OVERLOADED as `take`. */
  renew(): void {
    this.expire();
    const session = sessionOf(this.#pool, this.#count);
    this.release();
    this.#isOwner = true;
    this.#session = session;
    this.#first = session.begin(this.#count);
  }

  /** The session was forgotten: the next identity is taken from another one. */
  expire(): void {
    this.#pool.expire(allShards, this.#session);
  }

  /** The call is settled and never repeated. */
  release(): void {
    if (!this.#isOwner) return;
    this.#isOwner = false;
    for (let seq = this.#first; seq < this.#first + this.#count; seq += 1) this.#session.settle(seq);
  }
}

function sessionOf(pool: SessionPool, count: number): WriteSession {
  const session = pool.sessionFor(allShards, count);
  if (session !== undefined) return session;
  throw new TitanError("OVERLOADED", "too many writes are under way; wait for some of them", {
    outcome: "NOT_APPLIED",
  });
}
