/**
 * What a shard's state machine needs of its storage engine. Keys of users are valid UTF-8, in which the byte 0xff never
 * occurs: keys of the shard's own begin with it, so that neither kind needs a prefix that every put would have to copy.
 */

/** First byte of the keys that hold a shard's own records. */
export const systemKeyByte = 0xff;

/** A record as it is stored. */
export interface StoredEntry {
  readonly value: Uint8Array;
  /** The revision of the key's last change. */
  readonly version: number;
  /** Milliseconds since 1970 by log time; 0 means never. */
  readonly expiresAtMs: number;
}

/** One change of a batch. The store copies the bytes before the call returns. */
export type StoreOperation =
  | {
      readonly type: "put";
      readonly key: Uint8Array;
      readonly value: Uint8Array;
      readonly version: number;
      readonly expiresAtMs: number;
    }
  | { readonly type: "del"; readonly key: Uint8Array };

/** The storage engine of one shard. */
export interface ShardStore {
  /** The newest record of a key. @throws the engine's error with code CORRUPT when the record is damaged. */
  getEntry(key: Uint8Array): StoredEntry | undefined;
  /** When the key expires: 0 means never, -1 that there is no such key. Without I/O. */
  expiresAtMs(key: Uint8Array): number;
  /**
   * Applies the changes and `meta` together or not at all, visible to reads on return, durable after the next `flush`
   * or by chance before.
   */
  write(operations: readonly StoreOperation[], meta: Uint8Array): void;
  /** The `meta` of the newest batch; `undefined` in a fresh store. */
  meta(): Uint8Array | undefined;
  /** Makes everything written so far durable and returns the `meta` of that point. */
  flush(): Promise<Uint8Array | undefined>;
  /** Records whose keys begin with the prefix, in byte order, as of the call. */
  entries(prefix: Uint8Array): Iterable<{ readonly key: Uint8Array; readonly entry: StoredEntry }>;
  /** Keys that expire, with their time, in any order, as of the call. */
  expiring(): Iterable<{ readonly key: Uint8Array; readonly expiresAtMs: number }>;
}
