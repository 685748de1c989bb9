import { describe, expect, it } from "vitest";
import { failure } from "../errors/failure.ts";
import { isTemporary, TitanError, type TitanErrorCode } from "../errors/titan-error.ts";
import { judge, mayHaveApplied } from "./retry-rule.ts";

function failed(code: TitanErrorCode, outcome: "NOT_APPLIED" | "UNKNOWN" = "NOT_APPLIED") {
  return failure({ code, outcome, message: "" });
}

describe("the retry rule", () => {
  it.each([
    // code, write, identity, may have been applied: verdict
    ["UNAVAILABLE", false, false, false, "retry"],
    ["STALE", false, false, false, "retry"],
    ["INTERNAL", false, false, false, "fail"],
    ["NOT_LEADER", true, true, false, "retry"],
    ["NOT_LEADER", true, false, false, "retry"],
    ["LEADER_CHANGED", true, true, true, "retry"],
    ["LEADER_CHANGED", true, false, true, "fail"],
    // An earlier attempt decides as much as the last one.
    ["OVERLOADED", true, false, true, "fail"],
    ["OVERLOADED", true, true, true, "retry"],
    ["SESSION_EXPIRED", true, true, false, "retry-in-new-session"],
    ["SESSION_EXPIRED", true, true, true, "fail"],
    ["NO_SPACE", true, true, false, "fail"],
    ["INVALID_ARGUMENT", true, true, false, "fail"],
    ["PERMISSION_DENIED", false, false, false, "fail"],
  ] as const)(
    "%s, write %s, identity %s, maybe applied %s: %s",
    (code, isWrite, hasIdentity, maybeApplied, verdict) => {
      expect(judge(failed(code), { isWrite, hasIdentity, maybeApplied })).toBe(verdict);
    },
  );

  it("takes an attempt as possibly applied when its outcome is UNKNOWN, except that of a forgotten session", () => {
    expect(mayHaveApplied(failed("UNAVAILABLE", "UNKNOWN"), true)).toBe(true);
    expect(mayHaveApplied(failed("UNAVAILABLE", "NOT_APPLIED"), true)).toBe(false);
    expect(mayHaveApplied(failed("UNAVAILABLE", "UNKNOWN"), false)).toBe(false);
    expect(mayHaveApplied(failed("SESSION_EXPIRED", "UNKNOWN"), true)).toBe(false);
  });

  it("and `retryable` agree on what passes by itself", () => {
    for (const code of ["OVERLOADED", "INTERNAL", "DEADLINE_EXCEEDED", "CLOSED"] as const) {
      expect(new TitanError(code, "", { outcome: "NOT_APPLIED" }).retryable).toBe(isTemporary(code));
      expect(new TitanError(code, "", { outcome: "UNKNOWN" }).retryable).toBe(false);
    }
  });
});
