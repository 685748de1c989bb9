import type { TitanError } from "../errors/titan-error.ts";
import type { Origin } from "./origin.ts";

/** What became of a put or delete. Durable on a majority of the shard's replicas, and applied, when you hold it. */
export interface WriteResult<Value> {
  readonly kind: "write";
  /** Whether the write took place; false when its condition did not hold. Deleting an absent key takes place. */
  readonly applied: boolean;
  /**
   * The key's revision afterwards: the new one when applied, the one found when not; 0 when the key is absent. Give it to
   * `ifRevision` to write only over this very version.
   */
  readonly revision: number;
  /** Whether the key existed before. */
  readonly existed: boolean;
  /** The value that was replaced or removed, when `returnPrevious` asked for it and there was one. */
  readonly previous: Value | undefined;
  readonly origin: Origin;
}

/** A key with its value. */
export interface Entry<Value> {
  readonly key: string;
  readonly value: Value;
  /** The revision of the key's last change. */
  readonly revision: number;
  /** When the key expires, in milliseconds since 1970 by the shard's log time; `undefined` means never. */
  readonly expiresAtMs: number | undefined;
  readonly origin: Origin;
}

/** The answer to a read. */
export interface ReadResult<Value> {
  readonly kind: "read";
  /** `undefined` when the key does not exist or has expired. */
  readonly entry: Entry<Value> | undefined;
  readonly origin: Origin;
}

/** The answer to a transaction. */
export interface TxnResult<Value> {
  readonly kind: "txn";
  /** Whether every comparison held. */
  readonly succeeded: boolean;
  /** One result per operation of the list that was applied, in its order. */
  readonly results: readonly (WriteResult<Value> | ReadResult<Value>)[];
  readonly origin: Origin;
}

/** One operation of a batch failed; the others may have succeeded. */
export interface FailedResult {
  readonly kind: "error";
  readonly error: TitanError;
}

/** The answer to one operation of a batch. */
export type BatchResult<Value> = WriteResult<Value> | ReadResult<Value> | FailedResult;
