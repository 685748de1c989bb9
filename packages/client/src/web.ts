/**
 * The client of Titan-KV for browsers, and wherever else there is `fetch`. It has the interface of the one for Node.js,
 * without the pipeline.
 */

// Begin here.
export { connect, type WebConnectOptions, type WebConnectSettings } from "./web/connect-web.ts";
export { TitanClient } from "./api/titan-client.ts";

// What calls take and return.
export type {
  CallOptions,
  DeleteOptions,
  PutOptions,
  ReadCallOptions,
  WriteConditions,
} from "./api/call-options.ts";
export type { BatchOperation } from "./api/batch-operation.ts";
export type { BatchResult, Entry, FailedResult, ReadResult, TxnResult, WriteResult } from "./api/results.ts";
export type { Origin } from "./api/origin.ts";
export { atLeast, boundedStaleness, type ReadConsistency } from "./api/read-consistency.ts";
export type { Scan, ScanOptions, ScanPage } from "./api/scan.ts";
export type { TxnBuilder } from "./api/txn-builder.ts";
export type { ShardPosition, Watch, WatchBatch, WatchEvent, WatchOptions } from "./api/watch.ts";

// Values.
export { bytesCodec, type Codec, jsonCodec, textCodec } from "./api/codec.ts";

// Errors, limits, and what can be observed.
export {
  type Outcome,
  TitanError,
  type TitanErrorCode,
  type TitanErrorFields,
} from "./errors/titan-error.ts";
export { type ClientLimits, defaultLimits } from "./api/limits.ts";
export type { ClientEventMap, ClientEventName } from "./api/events.ts";
