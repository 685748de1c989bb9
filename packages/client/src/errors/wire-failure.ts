/** The one place where errors on the wire become failures of attempts. */
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ErrorInfo,
  ErrorInfoSchema,
  type OperationError,
  Outcome as WireOutcome,
  Reason,
} from "@titan-kv/proto";
import { failure, type Failure } from "./failure.ts";
import type { Outcome, TitanErrorCode } from "./titan-error.ts";

/** The code of a reason. A reason that a newer server invents is read as INTERNAL. */
function codeOfReason(reason: Reason): TitanErrorCode {
  switch (reason) {
    case Reason.NOT_LEADER:
      return "NOT_LEADER";
    case Reason.WRONG_SHARD:
      return "WRONG_SHARD";
    case Reason.SLOT_MOVING:
      return "SLOT_MOVING";
    case Reason.OVERLOADED:
      return "OVERLOADED";
    case Reason.NO_SPACE:
      return "NO_SPACE";
    case Reason.SESSION_EXPIRED:
      return "SESSION_EXPIRED";
    case Reason.OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case Reason.INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case Reason.DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case Reason.UNAVAILABLE:
      return "UNAVAILABLE";
    case Reason.STALE:
      return "STALE";
    case Reason.CORRUPT:
      return "CORRUPT";
    case Reason.CROSS_SHARD:
      return "CROSS_SHARD";
    case Reason.UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case Reason.PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case Reason.FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case Reason.LEADER_CHANGED:
      return "LEADER_CHANGED";
    case Reason.INTERNAL:
    case Reason.UNSPECIFIED:
      return "INTERNAL";
    default:
      return "INTERNAL";
  }
}

/**
 * What a status code without our detail means: it comes from a proxy or from the RPC library. NOT_APPLIED only where a
 * request is refused before anything looks at it.
 */
export function meaningOfCode(code: Code): { readonly code: TitanErrorCode; readonly outcome: Outcome } {
  switch (code) {
    case Code.InvalidArgument:
      return { code: "INVALID_ARGUMENT", outcome: "NOT_APPLIED" };
    case Code.Unimplemented:
    case Code.NotFound:
      return { code: "UNIMPLEMENTED", outcome: "NOT_APPLIED" };
    case Code.PermissionDenied:
    case Code.Unauthenticated:
      return { code: "PERMISSION_DENIED", outcome: "NOT_APPLIED" };
    case Code.FailedPrecondition:
    case Code.AlreadyExists:
      return { code: "FAILED_PRECONDITION", outcome: "NOT_APPLIED" };
    case Code.OutOfRange:
      return { code: "OUT_OF_RANGE", outcome: "NOT_APPLIED" };
    case Code.ResourceExhausted:
      return { code: "OVERLOADED", outcome: "UNKNOWN" };
    case Code.DeadlineExceeded:
      return { code: "DEADLINE_EXCEEDED", outcome: "UNKNOWN" };
    case Code.Canceled:
    case Code.Unavailable:
      return { code: "UNAVAILABLE", outcome: "UNKNOWN" };
    case Code.Aborted:
      return { code: "LEADER_CHANGED", outcome: "UNKNOWN" };
    case Code.DataLoss:
      return { code: "CORRUPT", outcome: "UNKNOWN" };
    case Code.Unknown:
      // Nodes give their errors a detail. Without one this is the network: `fetch` and sockets fail with errors of their
      // own, and proxies with status codes.
      return { code: "UNAVAILABLE", outcome: "UNKNOWN" };
    case Code.Internal:
      return { code: "INTERNAL", outcome: "UNKNOWN" };
  }
}

/** The failure that a detail describes. An unset outcome is read as UNKNOWN. */
function failureOfInfo(info: ErrorInfo, message: string, cause?: unknown): Failure {
  return failure({
    code: codeOfReason(info.reason),
    outcome: info.outcome === WireOutcome.NOT_APPLIED ? "NOT_APPLIED" : "UNKNOWN",
    message,
    retryAfterMs: info.retryAfterMs,
    leader: info.leader === undefined ? undefined : { node: info.leader.node, address: info.leader.address },
    epoch: Number(info.epoch),
    subject: info.subject === "" ? undefined : info.subject,
    cause,
  });
}

/** The failure of one operation of a batch or a pipeline. */
export function failureOfOperation(error: OperationError): Failure {
  if (error.info !== undefined) return failureOfInfo(error.info, error.message);
  return failure({ code: "INTERNAL", outcome: "UNKNOWN", message: error.message });
}

/** The failure of a unary or streaming call. */
export function failureOfCall(thrown: unknown): Failure {
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema)[0];
  if (info !== undefined) return failureOfInfo(info, error.rawMessage, error);
  const meaning = meaningOfCode(wasCutShort(error) ? Code.Unknown : error.code);
  return failure({ ...meaning, message: error.rawMessage, cause: error });
}

/** Whether a stream ended before its status came, which the RPC library takes for a mistake of the node. */
function wasCutShort({ code, rawMessage }: ConnectError): boolean {
  return code === Code.Internal && /^(protocol error: )?missing (status|trailer)/u.test(rawMessage);
}
