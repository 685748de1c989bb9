import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, OperationErrorSchema, Outcome, Reason } from "@titan-kv/proto";
import { describe, expect, it } from "vitest";
import { failureOfCall, failureOfOperation, meaningOfCode } from "./wire-failure.ts";

describe("errors on the wire", () => {
  it("keep everything that helps the next attempt", () => {
    const info = create(ErrorInfoSchema, {
      reason: Reason.NOT_LEADER,
      outcome: Outcome.NOT_APPLIED,
      retryAfterMs: 7,
      leader: { node: 3, address: "a:1" },
      epoch: 9n,
      subject: "key",
    });
    const expected = {
      code: "NOT_LEADER",
      outcome: "NOT_APPLIED",
      message: "not here",
      retryAfterMs: 7,
      leader: { node: 3, address: "a:1" },
      epoch: 9,
      subject: "key",
    };
    expect(failureOfOperation(create(OperationErrorSchema, { message: "not here", info }))).toMatchObject(
      expected,
    );
    const thrown = new ConnectError("not here", Code.Unavailable, undefined, [
      { desc: ErrorInfoSchema, value: info },
    ]);
    expect(failureOfCall(thrown)).toMatchObject(expected);
  });

  it("have a name of their own for every reason of the API", () => {
    for (const [name, reason] of Object.entries(Reason)) {
      if (typeof reason !== "number" || reason === Reason.UNSPECIFIED) continue;
      const info = create(ErrorInfoSchema, { reason: reason as Reason });
      const { code, outcome } = failureOfOperation(create(OperationErrorSchema, { info }));
      expect(code).toBe(name);
      // An outcome that is not said is not known.
      expect(outcome).toBe("UNKNOWN");
    }
  });

  it("without our detail are read with care", () => {
    expect(failureOfOperation(create(OperationErrorSchema, {}))).toMatchObject({
      code: "INTERNAL",
      outcome: "UNKNOWN",
    });
    for (const network of [
      new Error("socket hang up"),
      new TypeError("fetch failed"),
      "missing EndStreamResponse",
      new ConnectError("protocol error: missing status", Code.Internal),
      new ConnectError("missing trailer", Code.Internal),
    ]) {
      expect(failureOfCall(network)).toMatchObject({ code: "UNAVAILABLE", outcome: "UNKNOWN" });
    }
    const defect = new ConnectError("cannot decode", Code.Internal);
    expect(failureOfCall(defect)).toMatchObject({ code: "INTERNAL", outcome: "UNKNOWN" });
    for (const code of [
      Code.Unavailable,
      Code.DeadlineExceeded,
      Code.Internal,
      Code.Aborted,
      Code.ResourceExhausted,
    ]) {
      expect(meaningOfCode(code).outcome).toBe("UNKNOWN");
    }
    for (const code of [Code.InvalidArgument, Code.Unauthenticated, Code.Unimplemented]) {
      expect(meaningOfCode(code).outcome).toBe("NOT_APPLIED");
    }
  });
});
