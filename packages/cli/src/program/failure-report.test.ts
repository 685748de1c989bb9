import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { TitanError, type TitanErrorCode } from "@titan-kv/client";
import { ErrorInfoSchema, Outcome, Reason } from "@titan-kv/proto";
import { describe, expect, test } from "vitest";
import { CliError } from "./cli-error.ts";
import { ExitCode, exitCodeMeanings } from "./exit-code.ts";
import { debugText, describeFailure } from "./failure-report.ts";

function clientError(code: TitanErrorCode, outcome: "NOT_APPLIED" | "UNKNOWN"): TitanError {
  return new TitanError(code, "something", { outcome });
}

function callError(code: Code, reason: Reason, outcome: Outcome): ConnectError {
  return new ConnectError("something", code, undefined, [
    { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, outcome }) },
  ]);
}

describe("the exit code", () => {
  test.each([
    [clientError("NOT_LEADER", "NOT_APPLIED"), ExitCode.Unavailable],
    [clientError("DEADLINE_EXCEEDED", "NOT_APPLIED"), ExitCode.Unavailable],
    [clientError("DEADLINE_EXCEEDED", "UNKNOWN"), ExitCode.OutcomeUnknown],
    [clientError("LEADER_CHANGED", "UNKNOWN"), ExitCode.OutcomeUnknown],
    [clientError("INVALID_ARGUMENT", "NOT_APPLIED"), ExitCode.Refused],
    [clientError("CROSS_SHARD", "NOT_APPLIED"), ExitCode.Refused],
    [clientError("NO_SPACE", "NOT_APPLIED"), ExitCode.NoSpace],
    [clientError("PERMISSION_DENIED", "NOT_APPLIED"), ExitCode.NotAllowed],
    [clientError("ABORTED", "UNKNOWN"), ExitCode.Interrupted],
    [clientError("INTERNAL", "UNKNOWN"), ExitCode.Defect],
    [new ConnectError("nobody", Code.Unavailable), ExitCode.Unreachable],
    [callError(Code.Unavailable, Reason.NOT_LEADER, Outcome.NOT_APPLIED), ExitCode.Unavailable],
    [callError(Code.DeadlineExceeded, Reason.DEADLINE_EXCEEDED, Outcome.UNKNOWN), ExitCode.OutcomeUnknown],
    [
      callError(Code.FailedPrecondition, Reason.FAILED_PRECONDITION, Outcome.NOT_APPLIED),
      ExitCode.NotAllowed,
    ],
    [callError(Code.ResourceExhausted, Reason.NO_SPACE, Outcome.NOT_APPLIED), ExitCode.NoSpace],
    [callError(Code.InvalidArgument, Reason.INVALID_ARGUMENT, Outcome.NOT_APPLIED), ExitCode.Refused],
    [Object.assign(new Error("full"), { code: "ENOSPC", syscall: "write" }), ExitCode.NoSpace],
    [Object.assign(new Error("denied"), { code: "EACCES", syscall: "open" }), ExitCode.Local],
    [new TypeError("undefined is not a function"), ExitCode.Defect],
    ["not even an error", ExitCode.Defect],
  ])("of %s is %i", (error, code) => {
    const { exitCode, line } = describeFailure(error);
    expect(exitCode).toBe(code);
    expect(line).toMatch(/^titan: [^\n]+$/);
  });

  test("has a meaning, whatever it is, and no two share a number", () => {
    const codes = exitCodeMeanings.map(([code]) => code);
    expect(new Set(codes)).toEqual(new Set(Object.values(ExitCode)));
    expect(new Set(codes).size).toBe(codes.length);
  });
});

test("the next step comes after a semicolon, the error's own before the general one", () => {
  const error = new CliError("UNREACHABLE", "nobody is there", { nextStep: "knock louder" });
  expect(describeFailure(error).line).toBe("titan: nobody is there; knock louder");
  expect(describeFailure(new CliError("UNREACHABLE", "nobody is there")).line).toContain("--endpoint");
});

test("the debug text has every cause", () => {
  const error = new Error("outer", { cause: new Error("inner", { cause: { any: "thing" } }) });
  expect(debugText(error)).toMatch(/outer[\s\S]+caused by Error: inner[\s\S]+caused by \{ any: 'thing' \}/);
});
