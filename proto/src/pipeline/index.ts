/**
 * The messages of `KvService.Pipeline` read and written without an object per field, for the two ends of the hot path.
 * The bytes are those of the `.proto` file; other callers use the generated stubs.
 */
export {
  type OperationEnvelope,
  type ReadFields,
  writeDelete,
  type WriteFields,
  writeGet,
  writePut,
  writeTxn,
} from "./operation-writer.ts";
export { ConditionKind, OperationKind, OperationView } from "./operation-view.ts";
export {
  readIdentity,
  type RequestVisitor,
  sessionBytes,
  type StreamIdentity,
  visitRequest,
  writeIdentity,
} from "./request-view.ts";
export { ResultKind, ResultView, visitResponse } from "./result-view.ts";
export {
  type GetResultFields,
  type OriginFields,
  writeErrorResult,
  writeGetResult,
  writeResponseEpoch,
  type WriteResultFields,
  writeTxnResult,
  writeWriteResult,
} from "./result-writer.ts";
export { WireError } from "./wire-error.ts";
export { WireReader } from "./wire-reader.ts";
export { textSize, WireWriter } from "./wire-writer.ts";
