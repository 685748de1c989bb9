/**
 * Operations as the engines take them: checked, encoded, and independent of how they travel.
 */
import type { ReadLevel } from "@titan-kv/proto";
import type { Origin } from "./origin.ts";

/** What must hold for a write; the numbers are those of the pipeline's codec. */
export const Condition = { None: 0, IfRevision: 1, IfAbsent: 2, IfPresent: 3 } as const;
export type Condition = (typeof Condition)[keyof typeof Condition];

/** A put, or a delete when `value` is undefined. */
export interface WriteOperation {
  readonly kind: "put" | "delete";
  readonly key: string;
  readonly value: Uint8Array | string | undefined;
  /** 0 means the key stays. */
  readonly ttlMs: number;
  readonly conditionKind: Condition;
  readonly conditionRevision: number;
  readonly returnPrevious: boolean;
  /** Bytes of key and value. */
  readonly bytes: number;
}

/** A get. */
export interface ReadOperation {
  readonly kind: "get";
  readonly key: string;
  readonly level: ReadLevel;
  readonly minRevision: number;
  readonly maxStalenessMs: number;
  readonly bytes: number;
}

/** A transaction. */
export interface TxnOperation {
  readonly kind: "txn";
  /** Its first key, which stands for all: they belong to one shard. */
  readonly key: string;
  /** An encoded `titan.kv.v1.TxnOperation`. */
  readonly txn: Uint8Array;
  readonly bytes: number;
}

export type EngineOperation = WriteOperation | ReadOperation | TxnOperation;

/** Time and cancellation of a call. */
export interface CallContext {
  /** `undefined` takes the client's default. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The answer to a put or delete. */
export interface WriteAnswer {
  readonly kind: "write";
  readonly applied: boolean;
  readonly revision: number;
  readonly existed: boolean;
  readonly previous: Uint8Array | undefined;
  readonly origin: Origin;
}

/** The answer to a get. */
export interface ReadAnswer {
  readonly kind: "read";
  /** `undefined` when the key is absent. */
  readonly value: Uint8Array | undefined;
  readonly revision: number;
  /** 0 means never. */
  readonly expiresAtMs: number;
  readonly origin: Origin;
}

/** The answer to a transaction. */
export interface TxnAnswer {
  readonly kind: "txn";
  /** An encoded `titan.kv.v1.TxnResult`. */
  readonly result: Uint8Array;
  readonly origin: Origin;
}

export type Answer = WriteAnswer | ReadAnswer | TxnAnswer;
