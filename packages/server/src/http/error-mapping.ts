/**
 * The one place where errors of this server become errors on the wire, and back. A reason that is added to the API
 * without a line in each of these functions does not compile.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ErrorInfo,
  ErrorInfoSchema,
  type OperationError,
  OperationErrorSchema,
  Outcome,
  Reason,
} from "@titan-kv/proto";
import { ApiError, type ErrorOutcome, type ErrorReason } from "./api-error.ts";

/** The Connect/gRPC status code of a reason. */
export function codeOf(reason: ErrorReason): Code {
  switch (reason) {
    case "NOT_LEADER":
    case "WRONG_SHARD":
    case "SLOT_MOVING":
    case "UNAVAILABLE":
    case "STALE":
      return Code.Unavailable;
    case "LEADER_CHANGED":
      // Not `unavailable`: generic gRPC clients and proxies repeat that code blindly, and this request may have been
      // applied.
      return Code.Aborted;
    case "OVERLOADED":
    case "NO_SPACE":
      return Code.ResourceExhausted;
    case "SESSION_EXPIRED":
    case "FAILED_PRECONDITION":
      return Code.FailedPrecondition;
    case "OUT_OF_RANGE":
      return Code.OutOfRange;
    case "INVALID_ARGUMENT":
    case "CROSS_SHARD":
      return Code.InvalidArgument;
    case "DEADLINE_EXCEEDED":
      return Code.DeadlineExceeded;
    case "CORRUPT":
      return Code.DataLoss;
    case "UNIMPLEMENTED":
      return Code.Unimplemented;
    case "PERMISSION_DENIED":
      return Code.PermissionDenied;
    case "INTERNAL":
      return Code.Internal;
  }
}

/** The number of a reason on the wire. Satisfied by a record over the union: none can be forgotten. */
const wireReasons: Readonly<Record<ErrorReason, Reason>> = {
  NOT_LEADER: Reason.NOT_LEADER,
  WRONG_SHARD: Reason.WRONG_SHARD,
  SLOT_MOVING: Reason.SLOT_MOVING,
  OVERLOADED: Reason.OVERLOADED,
  NO_SPACE: Reason.NO_SPACE,
  SESSION_EXPIRED: Reason.SESSION_EXPIRED,
  OUT_OF_RANGE: Reason.OUT_OF_RANGE,
  INVALID_ARGUMENT: Reason.INVALID_ARGUMENT,
  DEADLINE_EXCEEDED: Reason.DEADLINE_EXCEEDED,
  UNAVAILABLE: Reason.UNAVAILABLE,
  STALE: Reason.STALE,
  CORRUPT: Reason.CORRUPT,
  CROSS_SHARD: Reason.CROSS_SHARD,
  UNIMPLEMENTED: Reason.UNIMPLEMENTED,
  PERMISSION_DENIED: Reason.PERMISSION_DENIED,
  FAILED_PRECONDITION: Reason.FAILED_PRECONDITION,
  INTERNAL: Reason.INTERNAL,
  LEADER_CHANGED: Reason.LEADER_CHANGED,
};

const reasonsByWire: ReadonlyMap<number, ErrorReason> = new Map(
  Object.entries(wireReasons).map(([reason, wire]) => [wire, reason as ErrorReason]),
);

/**
 * What an error without our detail means: it comes from the RPC library or a proxy. The outcome is NOT_APPLIED only for
 * codes with which a request is refused before a handler sees it.
 */
function meaningOfCode(code: Code): { readonly reason: ErrorReason; readonly outcome: ErrorOutcome } {
  switch (code) {
    case Code.InvalidArgument:
      return { reason: "INVALID_ARGUMENT", outcome: "NOT_APPLIED" };
    case Code.Unimplemented:
    case Code.NotFound:
      return { reason: "UNIMPLEMENTED", outcome: "NOT_APPLIED" };
    case Code.PermissionDenied:
    case Code.Unauthenticated:
      return { reason: "PERMISSION_DENIED", outcome: "NOT_APPLIED" };
    case Code.FailedPrecondition:
    case Code.AlreadyExists:
      return { reason: "FAILED_PRECONDITION", outcome: "NOT_APPLIED" };
    case Code.OutOfRange:
      return { reason: "OUT_OF_RANGE", outcome: "NOT_APPLIED" };
    case Code.ResourceExhausted:
      // Also sent when an answer is too large, and then the request was carried out.
      return { reason: "OVERLOADED", outcome: "UNKNOWN" };
    case Code.DeadlineExceeded:
    case Code.Canceled:
      return { reason: "DEADLINE_EXCEEDED", outcome: "UNKNOWN" };
    case Code.Unavailable:
      return { reason: "UNAVAILABLE", outcome: "UNKNOWN" };
    case Code.Aborted:
      return { reason: "LEADER_CHANGED", outcome: "UNKNOWN" };
    case Code.DataLoss:
      return { reason: "CORRUPT", outcome: "UNKNOWN" };
    case Code.Unknown:
    case Code.Internal:
      return { reason: "INTERNAL", outcome: "UNKNOWN" };
  }
}

/** The detail of an error, as the API has it. */
export function errorInfoOf(error: ApiError): ErrorInfo {
  return create(ErrorInfoSchema, {
    reason: wireReasons[error.reason],
    outcome: error.outcome === "NOT_APPLIED" ? Outcome.NOT_APPLIED : Outcome.UNKNOWN,
    retryAfterMs: error.retryAfterMs ?? 0,
    ...(error.leader === undefined
      ? {}
      : { leader: { node: error.leader.node, address: error.leader.address ?? "" } }),
    epoch: BigInt(error.epoch ?? 0),
    subject: error.subject ?? "",
  });
}

/** The error that a detail describes. A reason of a newer release is read as INTERNAL; an unset outcome as UNKNOWN. */
export function fromErrorInfo(info: ErrorInfo, message: string): ApiError {
  return new ApiError({
    reason: reasonsByWire.get(info.reason) ?? "INTERNAL",
    outcome: info.outcome === Outcome.NOT_APPLIED ? "NOT_APPLIED" : "UNKNOWN",
    message,
    ...(info.retryAfterMs === 0 ? {} : { retryAfterMs: info.retryAfterMs }),
    ...(info.leader === undefined
      ? {}
      : {
          leader: {
            node: info.leader.node,
            ...(info.leader.address === "" ? {} : { address: info.leader.address }),
          },
        }),
    ...(info.epoch === 0n ? {} : { epoch: Number(info.epoch) }),
    ...(info.subject === "" ? {} : { subject: info.subject }),
  });
}

/** The error as a unary or streaming call ends with it. The cause is left behind. */
export function toConnectError(error: ApiError): ConnectError {
  return new ConnectError(error.message, codeOf(error.reason), undefined, [
    { desc: ErrorInfoSchema, value: errorInfoOf(error) },
  ]);
}

/** The error with which a call to another node failed, whether it is one of ours or not. */
export function fromConnectError(error: ConnectError): ApiError {
  const info = error.findDetails(ErrorInfoSchema)[0];
  if (info !== undefined) return fromErrorInfo(info, error.rawMessage);
  return new ApiError({ ...meaningOfCode(error.code), message: error.rawMessage, cause: error });
}

/** The error as the result of one operation of a batch. */
export function toOperationError(error: ApiError): OperationError {
  return create(OperationErrorSchema, {
    code: codeOf(error.reason),
    message: error.message,
    info: errorInfoOf(error),
  });
}

/** The error that the result of an operation describes. */
export function fromOperationError(error: OperationError): ApiError {
  if (error.info !== undefined) return fromErrorInfo(error.info, error.message);
  return new ApiError({ reason: "INTERNAL", outcome: "UNKNOWN", message: error.message });
}

const encodedErrors = new WeakMap<ApiError, Uint8Array>();

/**
 * The encoded `OperationError`, for results of a pipeline. Made once per error object, so that refusing a thousand
 * operations for one reason costs one encoding: throw the same object for all. The bytes must not be changed.
 */
export function encodeOperationError(error: ApiError): Uint8Array {
  const known = encodedErrors.get(error);
  if (known !== undefined) return known;
  const encoded = toBinary(OperationErrorSchema, toOperationError(error));
  encodedErrors.set(error, encoded);
  return encoded;
}
