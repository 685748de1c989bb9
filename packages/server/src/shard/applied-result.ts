/**
 * The answer of the state machine to one write, packed into a number.
 *
 * A replica computes the answer of every write, and only the leader has someone to tell. One number per write, kept in a
 * plain array, costs a replica next to nothing; what does not fit into it (a previous value, the results of a
 * transaction) stands beside it.
 *
 *     packed = number * 8 + flags         number: the key's revision, or the refusal
 *     flags  : 1 applied, 2 existed, 4 refused
 */

const appliedFlag = 1;
const existedFlag = 2;
const refusedFlag = 4;
const flagRange = 8;

/** Why a shard does not apply a write that its log holds. Numbers are remembered on disk with the session. */
export const Refusal = {
  /** The shard does not own the key's slot. */
  WrongShard: 1,
  /** The slot is on its way to another shard. */
  SlotMoving: 2,
  /** The shard has forgotten sessions of that age. */
  SessionExpired: 3,
  /** The client has said that it has the answer; the write must not be applied again. */
  AlreadyAcknowledged: 4,
  /** The session has too many writes without acknowledgement. */
  SessionFull: 5,
  /** The operation cannot be read. */
  Malformed: 6,
  /** The shard is being restored from a snapshot, and serves nothing until that is done. */
  Restoring: 7,
  /** A restore needs an empty shard, and this one holds data. */
  NotEmpty: 8,
  /** Another restore has begun since, or this one is over. */
  RestoreSuperseded: 9,
  /** A part of the snapshot has not arrived. */
  RestoreIncomplete: 10,
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

export function packWrite(keyRevision: number, applied: boolean, existed: boolean): number {
  return keyRevision * flagRange + (applied ? appliedFlag : 0) + (existed ? existedFlag : 0);
}

export function packRefusal(refusal: Refusal): number {
  return refusal * flagRange + refusedFlag;
}

/** The refusal, or `undefined` when the write was decided. */
export function refusalOf(packed: number): Refusal | undefined {
  return (packed & refusedFlag) === 0 ? undefined : (Math.floor(packed / flagRange) as Refusal);
}

export function isApplied(packed: number): boolean {
  return (packed & appliedFlag) !== 0;
}

export function hasExisted(packed: number): boolean {
  return (packed & existedFlag) !== 0;
}

export function keyRevisionOf(packed: number): number {
  return Math.floor(packed / flagRange);
}

/** The answers to the writes of one log entry, in their order. */
export class AppliedResults {
  readonly packed: number[] = [];
  /** Previous values and encoded transaction results by position; most entries have none. */
  readonly payloads: Map<number, Uint8Array> = new Map();
  /** The shard's revision after the entry. */
  revision = 0;

  push(packed: number, payload: Uint8Array | undefined): void {
    if (payload !== undefined) this.payloads.set(this.packed.length, payload);
    this.packed.push(packed);
  }
}
