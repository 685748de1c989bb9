import { BitcaskError } from "../errors.ts";
import { encodeBatchEnd } from "../format/batch-end.ts";
import { encodeKeyBounds } from "../format/range-delete.ts";
import { recordFlags, recordTypes } from "../format/record.ts";
import { maxBatchBytes, maxBatchOperations, maxMetaBytes, maxValueBytes } from "../limits.ts";
import type { GroupCommit } from "../log/group-commit.ts";
import type { Log } from "../log/log.ts";
import type { AppendFields, WriteGroup } from "../log/write-group.ts";
import { refuseUnless } from "../options.ts";
import { keyBytes } from "../read/key-encoder.ts";
import type { ConditionChecker } from "./conditions.ts";
import type { BatchOperation, BatchOptions, ClearRange, DeleteOptions, PutOptions } from "./operations.ts";

const noBytes = new Uint8Array(0);

/** Turns calls into records: checks arguments and conditions, encodes, and hands over to group commit. */
export class Writer {
  readonly #log: Log;
  readonly #commit: GroupCommit;
  readonly #conditions: ConditionChecker;
  readonly #clock: () => number;
  readonly #syncByDefault: boolean;
  /** Filled in again for every record. */
  readonly #fields: AppendFields = { type: 0, flags: 0, seq: 0, expiresAtMs: 0, version: 0 };

  constructor(init: {
    log: Log;
    commit: GroupCommit;
    conditions: ConditionChecker;
    clock: () => number;
    syncByDefault: boolean;
  }) {
    this.#log = init.log;
    this.#commit = init.commit;
    this.#conditions = init.conditions;
    this.#clock = init.clock;
    this.#syncByDefault = init.syncByDefault;
  }

  put(key: string | Uint8Array, value: string | Uint8Array, options: PutOptions | undefined): Promise<void> {
    this.#log.failure.refuseIfStopped();
    if (options) this.#conditions.check(key, options);
    const group = this.#commit.openGroup();
    this.#appendPut(group, { key, value, options, extraFlags: 0 });
    return this.#commit.submit(group, options?.sync ?? this.#syncByDefault);
  }

  /** A put whose value describes a streamed value. */
  putDescriptor(
    key: string | Uint8Array,
    descriptor: Uint8Array,
    options: PutOptions | undefined,
  ): Promise<void> {
    this.#log.failure.refuseIfStopped();
    if (options) this.#conditions.check(key, options);
    const group = this.#commit.openGroup();
    this.#appendPut(group, { key, value: descriptor, options, extraFlags: recordFlags.blob });
    return this.#commit.submit(group, options?.sync ?? this.#syncByDefault);
  }

  /** A piece of a streamed value; never waits for a sync, because the descriptor behind it does. */
  putChunk(key: Uint8Array, chunk: Uint8Array): Promise<void> {
    this.#log.failure.refuseIfStopped();
    const group = this.#commit.openGroup();
    this.#append(group, { type: recordTypes.blobChunk, flags: 0, key, value: chunk });
    return this.#commit.submit(group, false);
  }

  del(key: string | Uint8Array, options: DeleteOptions | undefined): Promise<void> {
    this.#log.failure.refuseIfStopped(true);
    if (options) this.#conditions.check(key, options);
    const group = this.#commit.openGroup();
    this.#append(group, { type: recordTypes.del, flags: 0, key: checkKey(key), value: noBytes });
    return this.#commit.submit(group, options?.sync ?? this.#syncByDefault);
  }

  clear(range: ClearRange, options: { readonly sync?: boolean }): Promise<void> {
    this.#log.failure.refuseIfStopped(true);
    const group = this.#commit.openGroup();
    this.#append(group, { type: recordTypes.rangeDel, flags: 0, key: noBytes, value: encodeRange(range) });
    return this.#commit.submit(group, options.sync ?? this.#syncByDefault);
  }

  batch(operations: readonly BatchOperation[], options: BatchOptions): Promise<void> {
    this.#log.failure.refuseIfStopped();
    this.#checkBatch(operations, options);
    if (operations.length === 0 && options.meta === undefined) return Promise.resolve();
    const group = this.#commit.openGroup();
    this.#appendBatch(group, operations, options.meta);
    return this.#commit.submit(group, options.sync ?? this.#syncByDefault);
  }

  /** Atomic, visible on return, not synced: one write call. What was submitted before it becomes visible first. */
  batchSync(operations: readonly BatchOperation[], options: { readonly meta?: Uint8Array }): void {
    this.#log.failure.refuseIfStopped();
    this.#commit.drain();
    this.#checkBatch(operations, options);
    if (operations.length === 0 && options.meta === undefined) return;
    const group = this.#commit.borrowGroup();
    this.#appendBatch(group, operations, options.meta);
    this.#commit.commitBorrowed(group);
  }

  #checkBatch(operations: readonly BatchOperation[], options: BatchOptions): void {
    if (operations.length > maxBatchOperations) {
      throw new BitcaskError(
        "BATCH_TOO_LARGE",
        `a batch may have at most ${maxBatchOperations} operations, not ${operations.length}`,
      );
    }
    const metaBytes = options.meta?.length ?? 0;
    if (metaBytes > maxMetaBytes) {
      throw new BitcaskError(
        "META_TOO_LARGE",
        `commit metadata may have at most ${maxMetaBytes} bytes, not ${metaBytes}`,
      );
    }
    for (const operation of operations)
      if (operation.type !== "clear") this.#conditions.check(operation.key, operation);
  }

  #appendBatch(group: WriteGroup, operations: readonly BatchOperation[], meta: Uint8Array | undefined): void {
    const { length, records } = group;
    // One record alone is atomic by itself.
    const flags = operations.length === 1 && meta === undefined ? 0 : recordFlags.inBatch;
    try {
      for (const operation of operations) {
        this.#appendOperation(group, operation, flags);
        if (group.length - length > maxBatchBytes) {
          throw new BitcaskError(
            "BATCH_TOO_LARGE",
            `a batch may have at most ${maxBatchBytes} bytes once encoded`,
          );
        }
      }
      if (flags === 0) return;
      const end = encodeBatchEnd(operations.length, meta);
      this.#append(group, { type: recordTypes.batchEnd, flags: 0, key: noBytes, value: end });
    } catch (error) {
      group.truncate({ length, records });
      throw error;
    }
    if (meta) {
      group.meta = Uint8Array.from(meta);
      group.hasMeta = true;
    }
  }

  #appendOperation(group: WriteGroup, operation: BatchOperation, flags: number): void {
    switch (operation.type) {
      case "put":
        this.#appendPut(group, {
          key: operation.key,
          value: operation.value,
          options: operation,
          extraFlags: flags,
        });
        break;
      case "del":
        this.#append(group, { type: recordTypes.del, flags, key: checkKey(operation.key), value: noBytes });
        break;
      case "clear":
        this.#append(group, {
          type: recordTypes.rangeDel,
          flags,
          key: noBytes,
          value: encodeRange(operation),
        });
        break;
      default:
        throw new BitcaskError("INVALID_ARGUMENT", "a batch operation is a put, a del or a clear");
    }
  }

  #appendPut(
    group: WriteGroup,
    put: {
      key: string | Uint8Array;
      value: string | Uint8Array;
      options: PutOptions | undefined;
      extraFlags: number;
    },
  ): void {
    const { key, value, options } = put;
    const fields = this.#fields;
    fields.type = recordTypes.put;
    fields.flags = put.extraFlags;
    if (options) this.#takeOptions(options);
    if (typeof key !== "string") checkKey(key);
    if (typeof value !== "string" && !(value instanceof Uint8Array)) {
      throw new BitcaskError("INVALID_ARGUMENT", "a value is a string or a Uint8Array");
    }
    if (
      value.length > maxValueBytes ||
      (typeof value === "string" && Buffer.byteLength(value) > maxValueBytes)
    ) {
      throw new BitcaskError(
        "VALUE_TOO_LARGE",
        `a value may have at most ${maxValueBytes} bytes; use putStream() for a larger one`,
      );
    }
    fields.seq = this.#log.nextSeq();
    group.append(fields, key, value);
  }

  #takeOptions(options: PutOptions): void {
    const { ttlMs, version } = options;
    let { expiresAtMs } = options;
    if (ttlMs !== undefined) {
      refuseUnless(expiresAtMs === undefined, "give ttlMs or expiresAtMs, not both");
      refuseUnless(ttlMs > 0, "ttlMs must be positive");
      expiresAtMs = Math.ceil(this.#clock() + ttlMs);
    }
    if (expiresAtMs !== undefined) {
      refuseUnless(
        Number.isSafeInteger(expiresAtMs) && expiresAtMs > 0 && expiresAtMs < 2 ** 48,
        "expiresAtMs must fit in 48 bits",
      );
      this.#fields.flags += recordFlags.expires;
      this.#fields.expiresAtMs = expiresAtMs;
    }
    if (version !== undefined) {
      refuseUnless(
        Number.isSafeInteger(version) && version >= 0,
        "version must be a safe integer of at least 0",
      );
      this.#fields.flags += recordFlags.version;
      this.#fields.version = version;
    }
  }

  #append(
    group: WriteGroup,
    record: { type: number; flags: number; key: string | Uint8Array; value: Uint8Array },
  ): void {
    this.#fields.type = record.type;
    this.#fields.flags = record.flags;
    this.#fields.seq = this.#log.nextSeq();
    group.append(this.#fields, record.key, record.value);
  }
}

function checkKey<Key extends string | Uint8Array>(key: Key): Key {
  if (typeof key === "string" || key instanceof Uint8Array) return key;
  throw new BitcaskError("INVALID_ARGUMENT", "a key is a string or a Uint8Array");
}

function encodeRange(range: ClearRange): Uint8Array {
  return encodeKeyBounds({
    gte: range.gte === undefined ? undefined : keyBytes(range.gte),
    lt: range.lt === undefined ? undefined : keyBytes(range.lt),
  });
}
