/**
 * What a request may be: one place for unary calls, pipelines and forwarded operations. A request that passes here cannot
 * fail in the state machine, where a failure would stop the shard.
 */
import { isUtf8 } from "node:buffer";
import { OperationKind, type OperationView } from "@titan-kv/proto/pipeline";
import { invalidArgument } from "../http/api-error.ts";
import { decodeTxn } from "../shard/transaction.ts";

/** Sizes that a node accepts; set by the operator. */
export interface RequestLimits {
  /** Default 4096. */
  readonly maxKeyBytes: number;
  /** Default 1 MiB. */
  readonly maxValueBytes: number;
  /** Default 4 MiB. */
  readonly maxRequestBytes: number;
  /** Operations of a batch, a transaction or a message of a pipeline. Default 1024. */
  readonly maxBatchOperations: number;
}

export const defaultRequestLimits: RequestLimits = {
  maxKeyBytes: 4096,
  maxValueBytes: 1024 * 1024,
  maxRequestBytes: 4 * 1024 * 1024,
  maxBatchOperations: 1024,
};

/** A key may not expire later than this from now: about 285 years, so that sums of times stay exact. */
export const maxTtlMs = 9_000_000_000_000;

const highestReadLevel = 5;
/** A level that needs `min_revision` or `max_staleness_ms`. */
const boundedLevel = 4;

/** @throws ApiError INVALID_ARGUMENT naming the field. */
export function checkOperation(view: OperationView, limits: RequestLimits): void {
  if (view.kind === OperationKind.Txn) {
    checkTxn(view.buffer.subarray(view.txnStart, view.txnEnd), limits);
    return;
  }
  checkKey(view.buffer, view.keyStart, view.keyEnd, limits);
  if (view.kind === OperationKind.Put) {
    checkValueSize(view.valueEnd - view.valueStart, limits);
    checkTtl(view.ttlMs);
  }
  if (view.kind === OperationKind.Get) checkReadOptions(view);
}

function checkKey(buffer: Uint8Array, start: number, end: number, limits: RequestLimits): void {
  const length = end - start;
  if (length === 0) throw invalidArgument("key", "must not be empty");
  if (length > limits.maxKeyBytes) {
    throw invalidArgument("key", `has ${length} bytes, the limit is ${limits.maxKeyBytes}`);
  }
  for (let position = start; position < end; position += 1) {
    if (buffer[position]! < 0x80) continue;
    if (isUtf8(buffer.subarray(start, end))) return;
    throw invalidArgument("key", "is not valid UTF-8");
  }
}

function checkValueSize(bytes: number, limits: RequestLimits): void {
  if (bytes > limits.maxValueBytes) {
    throw invalidArgument("value", `has ${bytes} bytes, the limit is ${limits.maxValueBytes}`);
  }
}

function checkTtl(ttlMs: number): void {
  if (ttlMs > maxTtlMs) throw invalidArgument("ttl_ms", `is ${ttlMs}, the limit is ${maxTtlMs}`);
}

function checkReadOptions(view: OperationView): void {
  if (view.readLevel > highestReadLevel)
    throw invalidArgument("read.level", `${view.readLevel} is not a level`);
  if (view.readLevel === boundedLevel && view.maxStalenessMs === 0) {
    throw invalidArgument("read.max_staleness_ms", "must be at least 1 for the level BOUNDED");
  }
}

function checkTxn(data: Uint8Array, limits: RequestLimits): void {
  let txn;
  try {
    txn = decodeTxn(data);
  } catch (error) {
    throw invalidArgument("txn", `cannot be read: ${error instanceof Error ? error.message : "malformed"}`);
  }
  const operations = [...txn.then, ...txn.else];
  const count = txn.compare.length + operations.length;
  if (count === 0) throw invalidArgument("txn", "has neither comparisons nor operations");
  if (count > limits.maxBatchOperations) {
    throw invalidArgument(
      "txn",
      `has ${count} comparisons and operations, the limit is ${limits.maxBatchOperations}`,
    );
  }
  for (const { key } of txn.compare) checkTextKey(key, limits);
  for (const { kind } of operations) {
    if (kind.case === undefined)
      throw invalidArgument("txn", "has an operation that is none of put, delete and get");
    if (kind.case === "txn") throw invalidArgument("txn", "cannot contain another transaction");
    checkTextKey(kind.value.key, limits);
    if (kind.case !== "put") continue;
    checkValueSize(Buffer.byteLength(kind.value.payload.value ?? ""), limits);
    checkTtl(Number(kind.value.ttlMs));
  }
}

function checkTextKey(key: string, limits: RequestLimits): void {
  const bytes = Buffer.from(key);
  checkKey(bytes, 0, bytes.length, limits);
}
