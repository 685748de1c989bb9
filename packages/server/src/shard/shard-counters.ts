import { WireReader, WireWriter } from "@titan-kv/proto/pipeline";

/**
 * The numbers of a shard that change with every entry. They are stored with each batch of changes, atomically, so that
 * data and numbers are in step whatever point a crash hits.
 */
export interface ShardCounters {
  /** The last applied entry of the log. */
  appliedIndex: number;
  /** Its term. */
  appliedTerm: number;
  /** Changes made so far; stamps each of them. */
  revision: number;
  /** The latest time that an entry carried, milliseconds since 1970: the only clock that expiry knows. */
  logTimeMs: number;
  /** See SessionTable. */
  sessionsForgottenThroughMs: number;
  /** See SessionTable. */
  sessionUses: number;
  /** Runs over the effects of every write; equal on all replicas at the same applied index, or they have diverged. */
  chainHash: number;
}

/** Of a shard that has applied nothing. */
export const initialCounters: Readonly<ShardCounters> = {
  appliedIndex: 0,
  appliedTerm: 0,
  revision: 0,
  logTimeMs: 0,
  sessionsForgottenThroughMs: 0,
  sessionUses: 0,
  chainHash: 0,
};

const writer = new WireWriter();

/** `format:varint=1` and the counters in the order of their declaration, each a varint. */
export function encodeCounters(counters: ShardCounters): Uint8Array {
  writer.reserve(80);
  writer.varint(1);
  writer.varint(counters.appliedIndex);
  writer.varint(counters.appliedTerm);
  writer.varint(counters.revision);
  writer.varint(counters.logTimeMs);
  writer.varint(counters.sessionsForgottenThroughMs);
  writer.varint(counters.sessionUses);
  writer.varint(counters.chainHash);
  return writer.take();
}

/** The counterpart of `encodeCounters`. */
export function decodeCounters(data: Uint8Array): ShardCounters {
  const reader = new WireReader(data);
  const format = reader.varint();
  if (format !== 1)
    throw new Error(`the shard's counters have format ${format}, this release reads format 1`);
  return {
    appliedIndex: reader.varint(),
    appliedTerm: reader.varint(),
    revision: reader.varint(),
    logTimeMs: reader.varint(),
    sessionsForgottenThroughMs: reader.varint(),
    sessionUses: reader.varint(),
    chainHash: reader.varint(),
  };
}

/** Mixes one effect into the chain. 32 bits: it finds faults, it does not resist attackers. */
export function chain(hash: number, effect: number): number {
  const low = Math.imul(hash ^ (effect | 0), 0x9e37_79b1);
  const high = Math.imul(low ^ Math.floor(effect / 2 ** 32), 0x85eb_ca6b);
  return (high ^ (high >>> 15)) >>> 0;
}
