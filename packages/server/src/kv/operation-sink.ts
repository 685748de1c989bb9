import type { GetResultFields, OriginFields, WriteResultFields } from "@titan-kv/proto/pipeline";
import type { ApiError } from "../http/api-error.ts";

/**
 * Where the answer to an operation goes: a pipeline stream, a unary call, another node. Exactly one of these is called,
 * once, for every operation that was submitted.
 */
export interface OperationSink {
  write(id: number, result: WriteResultFields, origin: OriginFields): void;
  get(id: number, result: GetResultFields, origin: OriginFields): void;
  /** `txn` is an encoded `TxnResult`. */
  txn(id: number, txn: Uint8Array, origin: OriginFields): void;
  error(id: number, error: ApiError): void;
}
