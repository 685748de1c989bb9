import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, OperationErrorSchema, Outcome, Reason } from "@titan-kv/proto";
import { describe, expect, test } from "vitest";
import { ApiError, asApiError, type ErrorReason, invalidArgument } from "./api-error.ts";
import {
  codeOf,
  encodeOperationError,
  errorInfoOf,
  fromConnectError,
  fromOperationError,
  toConnectError,
  toOperationError,
} from "./error-mapping.ts";

/** The table of the API's documentation, written down a second time so that a change of the mapping is noticed. */
const documented: Readonly<Record<ErrorReason, Code>> = {
  NOT_LEADER: Code.Unavailable,
  WRONG_SHARD: Code.Unavailable,
  SLOT_MOVING: Code.Unavailable,
  UNAVAILABLE: Code.Unavailable,
  STALE: Code.Unavailable,
  OVERLOADED: Code.ResourceExhausted,
  NO_SPACE: Code.ResourceExhausted,
  SESSION_EXPIRED: Code.FailedPrecondition,
  FAILED_PRECONDITION: Code.FailedPrecondition,
  OUT_OF_RANGE: Code.OutOfRange,
  INVALID_ARGUMENT: Code.InvalidArgument,
  CROSS_SHARD: Code.InvalidArgument,
  DEADLINE_EXCEEDED: Code.DeadlineExceeded,
  CORRUPT: Code.DataLoss,
  UNIMPLEMENTED: Code.Unimplemented,
  PERMISSION_DENIED: Code.PermissionDenied,
  INTERNAL: Code.Internal,
  LEADER_CHANGED: Code.Aborted,
};
const reasons = Object.keys(documented) as ErrorReason[];

function example(reason: ErrorReason): ApiError {
  return new ApiError({
    reason,
    outcome: "NOT_APPLIED",
    message: `because of ${reason}`,
    retryAfterMs: 25,
    leader: { node: 3, address: "10.0.0.3:4100" },
    epoch: 2 ** 40,
    subject: "user:1",
  });
}

function fieldsOf(error: ApiError): object {
  const { reason, outcome, message, retryAfterMs, leader, epoch, subject } = error;
  return { reason, outcome, message, retryAfterMs, leader, epoch, subject };
}

describe("errors on the wire", () => {
  test("every reason of the API has a counterpart here, with its number", () => {
    const ours = reasons.map((reason) => errorInfoOf(example(reason)).reason);
    const theirs = Object.values(Reason).filter((value) => typeof value === "number" && value !== 0);
    expect(ours.toSorted((left, right) => left - right)).toEqual(
      theirs.toSorted((left, right) => Number(left) - Number(right)),
    );
  });

  test.each(reasons)("%s keeps its code, and every field survives both ways", (reason) => {
    const error = example(reason);
    expect(codeOf(reason)).toBe(documented[reason]);
    expect(fieldsOf(fromConnectError(toConnectError(error)))).toEqual(fieldsOf(error));
    expect(fieldsOf(fromOperationError(toOperationError(error)))).toEqual(fieldsOf(error));
  });

  test("absent fields stay absent", () => {
    const bare = new ApiError({ reason: "OVERLOADED", outcome: "UNKNOWN", message: "queue full" });
    expect(fieldsOf(fromConnectError(toConnectError(bare)))).toEqual(fieldsOf(bare));
    const hinted = new ApiError({
      reason: "NOT_LEADER",
      outcome: "NOT_APPLIED",
      message: "no",
      leader: { node: 2 },
    });
    expect(fromConnectError(toConnectError(hinted)).leader).toEqual({ node: 2 });
  });

  test("an encoded operation error is what the stubs read, and is made once per error", () => {
    const error = example("SLOT_MOVING");
    const encoded = encodeOperationError(error);
    expect(encodeOperationError(error)).toBe(encoded);
    const decoded = fromBinary(OperationErrorSchema, encoded);
    expect(decoded.code).toBe(Code.Unavailable);
    expect(decoded.info?.outcome).toBe(Outcome.NOT_APPLIED);
    expect(decoded.info?.epoch).toBe(BigInt(2 ** 40));
  });

  test("a defect becomes INTERNAL with an unknown outcome and gives nothing away", () => {
    const defect = new Error("password=hunter2 in /var/lib/titan/secret");
    const error = asApiError(defect);
    expect(error).toMatchObject({ reason: "INTERNAL", outcome: "UNKNOWN", cause: defect });
    const sent = toConnectError(error);
    expect(sent.cause).toBeUndefined();
    expect(sent.message).not.toContain("hunter2");
    expect(sent.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: Reason.INTERNAL, subject: "" }]);
    expect(asApiError(error)).toBe(error);
  });

  test("an error without our detail is taken as applied unless its code rules that out", () => {
    expect(fromConnectError(new ConnectError("x", Code.Unavailable))).toMatchObject({
      reason: "UNAVAILABLE",
      outcome: "UNKNOWN",
    });
    expect(fromConnectError(new ConnectError("x", Code.InvalidArgument)).outcome).toBe("NOT_APPLIED");
    expect(fromConnectError(new ConnectError("x", Code.Canceled)).outcome).toBe("UNKNOWN");
  });

  test("a reason or outcome of a newer release is read in the safe direction", () => {
    const info = errorInfoOf(example("NOT_LEADER"));
    const sent = new ConnectError("later", Code.Unavailable, undefined, [
      { desc: ErrorInfoSchema, value: { ...info, reason: 999, outcome: 7 } },
    ]);
    expect(fromConnectError(sent)).toMatchObject({ reason: "INTERNAL", outcome: "UNKNOWN" });
  });

  test("an invalid argument names the field", () => {
    expect(invalidArgument("key", "must not be empty")).toMatchObject({
      reason: "INVALID_ARGUMENT",
      outcome: "NOT_APPLIED",
      message: "key: must not be empty",
      subject: "key",
    });
  });
});
