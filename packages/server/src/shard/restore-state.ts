import { WireReader, WireWriter } from "@titan-kv/proto/pipeline";

/**
 * How far the restore of a shard is. Only an open shard serves; what is between is closed to everything but the restore.
 *
 *     (none) ── Begin ──▶ loading ── Seal ──▶ sealed ── Open ──▶ open
 *                 │          ▲  └─ Cancel, if nothing was loaded ──▶ open
 *     unfinished ─┴▶ clearing┘
 */
export const RestorePhase = {
  /** Serves. */
  Open: 0,
  /** An unfinished restore was begun again; what it wrote is being taken away. */
  Clearing: 1,
  /** Takes records. */
  Loading: 2,
  /** Has all its records; waits until every shard has. */
  Sealed: 3,
} as const;
export type RestorePhase = (typeof RestorePhase)[keyof typeof RestorePhase];

/** What a shard remembers of its last restore. */
export interface RestoreState {
  readonly phase: RestorePhase;
  /** Which restore of the cluster's life; 0 when there was none. */
  readonly number: number;
  /** Loads applied, each of which counts once however often it comes. */
  readonly loads: number;
  /** Records in them. */
  readonly keys: number;
  /** From Seal: what the shard goes on with. */
  readonly revision: number;
  readonly forgottenThroughMs: number;
}

/** Of a shard that was never restored. */
export const noRestore: RestoreState = {
  phase: RestorePhase.Open,
  number: 0,
  loads: 0,
  keys: 0,
  revision: 0,
  forgottenThroughMs: 0,
};

/** `format:varint=1` and the fields in the order of their declaration, each a varint. */
export function encodeRestoreState(state: RestoreState): Uint8Array {
  const writer = new WireWriter();
  writer.reserve(64);
  const { phase, number, loads, keys, revision, forgottenThroughMs } = state;
  for (const value of [1, phase, number, loads, keys, revision, forgottenThroughMs]) writer.varint(value);
  return writer.take();
}

/** The counterpart of `encodeRestoreState`. The bytes come from the shard's own store, which has checked them. */
export function decodeRestoreState(data: Uint8Array): RestoreState {
  const reader = new WireReader(data);
  const format = reader.varint();
  if (format !== 1)
    throw new Error(`a restore is remembered in format ${format}, this release reads format 1`);
  return {
    phase: reader.varint() as RestorePhase,
    number: reader.varint(),
    loads: reader.varint(),
    keys: reader.varint(),
    revision: reader.varint(),
    forgottenThroughMs: reader.varint(),
  };
}
