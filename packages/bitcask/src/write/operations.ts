import type { WriteCondition } from "./conditions.ts";

/** What a single put may say besides key and value. */
export interface PutOptions extends WriteCondition {
  /** Makes this put durable before it is acknowledged (`true`), or does not (`false`), whatever the store's durability. */
  readonly sync?: boolean;
  /** The key expires after this many milliseconds. */
  readonly ttlMs?: number;
  /** Or at this time, in milliseconds since the epoch of the store's clock. */
  readonly expiresAtMs?: number;
  /** A version of the caller's own, a safe integer ≥ 0. Default: the write's sequence number. */
  readonly version?: number;
}

/** What a single delete may say. */
export interface DeleteOptions extends Pick<WriteCondition, "ifVersion"> {
  readonly sync?: boolean;
}

/** `[gte, lt)` in byte order; a missing bound is open, so no bounds at all means everything. */
export interface ClearRange {
  readonly gte?: string | Uint8Array;
  readonly lt?: string | Uint8Array;
}

/** One step of an atomic batch. Conditions are about the state before the batch. */
export type BatchOperation =
  | ({ readonly type: "put"; readonly key: string | Uint8Array; readonly value: string | Uint8Array } & Omit<
      PutOptions,
      "sync"
    >)
  | ({ readonly type: "del"; readonly key: string | Uint8Array } & Pick<WriteCondition, "ifVersion">)
  | ({ readonly type: "clear" } & ClearRange);

/** What belongs to a batch as a whole. */
export interface BatchOptions {
  readonly sync?: boolean;
  /** Up to 1024 bytes that become the store's commit metadata together with the batch: see `lastMeta()`. Copied. */
  readonly meta?: Uint8Array;
}
