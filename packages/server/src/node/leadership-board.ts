/**
 * Who leads which shard, as far as this node has heard: from its own replicas, and from what leaders announce to all
 * nodes. A hint, never an authority: a shard's own group decides.
 */
export interface LeaderRecord {
  readonly node: number;
  readonly term: number;
}

/** Bytes of one shard in an announcement. */
const recordBytes = 12;
const twoTo32 = 2 ** 32;

export class LeadershipBoard {
  readonly #leaders = new Map<number, LeaderRecord>();

  leaderOf(shard: number): number {
    return this.#leaders.get(shard)?.node ?? 0;
  }

  termOf(shard: number): number {
    return this.#leaders.get(shard)?.term ?? 0;
  }

  /** Returns whether that was news. In one term there is one leader; an older term's is history. */
  learn(shard: number, leader: LeaderRecord): boolean {
    const known = this.#leaders.get(shard);
    if (
      known !== undefined &&
      (leader.term < known.term || (leader.term === known.term && leader.node === known.node))
    ) {
      return false;
    }
    this.#leaders.set(shard, leader);
    return true;
  }

  /** Nobody answers at that node any more: it is not worth being asked. */
  forgetNode(node: number): void {
    for (const [shard, leader] of this.#leaders) if (leader.node === node) this.#leaders.delete(shard);
  }
}

/** What a node tells the others: the shards that it leads, each with its term. */
export function encodeAnnouncement(
  led: readonly { readonly shard: number; readonly term: number }[],
): Uint8Array {
  const message = Buffer.alloc(led.length * recordBytes);
  led.forEach(({ shard, term }, index) => {
    message.writeUInt32LE(shard, index * recordBytes);
    message.writeUInt32LE(term % twoTo32, index * recordBytes + 4);
    message.writeUInt32LE(Math.floor(term / twoTo32), index * recordBytes + 8);
  });
  return message;
}

/** The counterpart of `encodeAnnouncement`; what is cut off at the end is left out. */
export function decodeAnnouncement(message: Uint8Array): { readonly shard: number; readonly term: number }[] {
  const buffer = Buffer.from(message.buffer, message.byteOffset, message.length);
  return Array.from({ length: Math.floor(buffer.length / recordBytes) }, (_, index) => ({
    shard: buffer.readUInt32LE(index * recordBytes),
    term:
      buffer.readUInt32LE(index * recordBytes + 4) + buffer.readUInt32LE(index * recordBytes + 8) * twoTo32,
  }));
}
