import { WireReader, WireWriter } from "@titan-kv/proto/pipeline";

/** The answer that a write was given. */
export interface RememberedResult {
  readonly packed: number;
  readonly payload: Uint8Array | undefined;
}

/** Writes of one session that may be under way at once in one shard. Clients stay far below it. */
export const maxUnacknowledgedWrites = 8192;

/**
 * What a shard remembers of one client instance: the answers it may still ask for again (Raft dissertation, section 6.3,
 * with a window instead of one request at a time).
 */
export class Session {
  readonly openedMs: number;
  /** Log time of the last use. */
  lastUsedMs: number;
  /** Place of the last use in the order of all uses: times can be equal, and every replica must forget in one order. */
  lastUse: number;
  /** Writes below this position have been answered and forgotten. */
  #acknowledgedBelow: number;
  readonly #results: Map<number, RememberedResult>;

  constructor(
    openedMs: number,
    remembered?: { acknowledgedBelow: number; results: Map<number, RememberedResult> },
  ) {
    this.openedMs = openedMs;
    this.lastUsedMs = 0;
    this.lastUse = 0;
    this.#acknowledgedBelow = remembered?.acknowledgedBelow ?? 0;
    this.#results = remembered?.results ?? new Map();
  }

  get acknowledgedBelow(): number {
    return this.#acknowledgedBelow;
  }

  get isFull(): boolean {
    return this.#results.size >= maxUnacknowledgedWrites;
  }

  result(seq: number): RememberedResult | undefined {
    return this.#results.get(seq);
  }

  remember(seq: number, result: RememberedResult): void {
    this.#results.set(seq, result);
  }

  /** The client has every answer below `seq`. */
  acknowledge(seq: number): void {
    if (seq <= this.#acknowledgedBelow) return;
    // Positions of a session are spread over all shards, so most of a long range is not here: walk the shorter side.
    if (seq - this.#acknowledgedBelow < this.#results.size) {
      for (let below = this.#acknowledgedBelow; below < seq; below += 1) this.#results.delete(below);
    } else {
      for (const known of this.#results.keys()) if (known < seq) this.#results.delete(known);
    }
    this.#acknowledgedBelow = seq;
  }

  /**
   * The session as the shard stores it.
   *
   *     format:varint=1 openedMs:varint lastUsedMs:varint lastUse:varint acknowledgedBelow:varint count:varint
   *     (seq:varint packed:varint length+1:varint payload?)*        length+1 = 0 means no payload
   */
  encode(): Uint8Array {
    const writer = new WireWriter();
    writer.reserve(64);
    const { openedMs, lastUsedMs, lastUse } = this;
    for (const value of [1, openedMs, lastUsedMs, lastUse, this.#acknowledgedBelow, this.#results.size]) {
      writer.varint(value);
    }
    for (const [seq, { packed, payload }] of this.#results) {
      writer.reserve(30 + (payload?.length ?? 0));
      writer.varint(seq - this.#acknowledgedBelow);
      writer.varint(packed);
      writer.varint(payload === undefined ? 0 : payload.length + 1);
      if (payload !== undefined) writer.bytes(payload);
    }
    return writer.take();
  }

  /** The counterpart of `encode`. The bytes come from the shard's own store, which has checked them. */
  static decode(data: Uint8Array): Session {
    const reader = new WireReader(data);
    const format = reader.varint();
    if (format !== 1) throw new Error(`a session is stored in format ${format}, this release reads format 1`);
    const openedMs = reader.varint();
    const lastUsedMs = reader.varint();
    const lastUse = reader.varint();
    const acknowledgedBelow = reader.varint();
    const count = reader.varint();
    const results = new Map<number, RememberedResult>();
    for (let index = 0; index < count; index += 1) {
      const seq = reader.varint() + acknowledgedBelow;
      const packed = reader.varint();
      const length = reader.varint() - 1;
      const payload = length < 0 ? undefined : data.slice(reader.position, reader.position + length);
      if (length > 0) reader.position += length;
      results.set(seq, { packed, payload });
    }
    const session = new Session(openedMs, { acknowledgedBelow, results });
    session.lastUsedMs = lastUsedMs;
    session.lastUse = lastUse;
    return session;
  }
}
