import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ModelComparison, step } from "../test/support/model-comparison.ts";

const runs = Number(process.env["BITCASK_RUNS"] ?? 150);

describe.each([
  { name: "a full keydir with order", options: { ordered: true } },
  {
    name: "a full keydir without order, acknowledging without sync",
    options: { durability: "none" as const },
  },
  { name: "a fingerprint keydir", options: { keydir: "fingerprint" as const } },
])("$name", ({ options }) => {
  it("answers every question as a Map would, whatever happened before", { timeout: 120_000 }, async () => {
    const outcome = await fc.check(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
        await new ModelComparison(options).run(steps);
      }),
      { numRuns: runs },
    );
    expect(outcome.failed ? fc.defaultReportMessage(outcome) : "").toBe("");
  });
});
