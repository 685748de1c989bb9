import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Inflights } from "./inflights.ts";

const action = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), bytes: fc.nat(10) }),
  fc.record({ kind: fc.constant("release" as const), index: fc.nat(60) }),
  fc.record({ kind: fc.constant("clear" as const) }),
);

describe("appends under way", () => {
  it("are what was sent and not answered, whatever the order of events", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
        const inflights = new Inflights({ maxMessages: 4, maxBytes: 20 });
        let model: { index: number; bytes: number }[] = [];
        let sent = 0;
        for (const step of actions) {
          if (step.kind === "add") {
            sent += 1;
            inflights.add(sent, step.bytes);
            model.push({ index: sent, bytes: step.bytes });
          } else if (step.kind === "release") {
            inflights.release(step.index);
            model = model.filter(({ index }) => index > step.index);
          } else {
            inflights.clear();
            model = [];
          }
          const bytes = model.reduce((sum, each) => sum + each.bytes, 0);
          expect(inflights.count).toBe(model.length);
          expect(inflights.bytes).toBe(bytes);
          expect(inflights.full).toBe(model.length >= 4 || bytes >= 20);
        }
      }),
      { numRuns: 500 },
    );
  });
});
