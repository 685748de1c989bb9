import fc from "fast-check";
import { expect, test } from "vitest";
import { sessionWindow, WriteSession } from "./write-session.ts";

function session(): WriteSession {
  return new WriteSession({ session: new Uint8Array(16), openedMs: 1, ordinal: 1 });
}

test("what is acknowledged is always exactly the answered positions before the first unanswered one", () => {
  const step = fc.oneof(
    fc.record({ begin: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ settle: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const writes = session();
      const unanswered = new Set<number>();
      let next = 1;
      for (const each of steps) {
        if ("begin" in each) {
          expect(writes.begin(each.begin)).toBe(next);
          for (let count = 0; count < each.begin; count += 1) unanswered.add(next++);
        } else if (unanswered.size > 0) {
          const seq = [...unanswered][Math.floor(each.settle * unanswered.size)]!;
          unanswered.delete(seq);
          writes.settle(seq);
        }
        expect(writes.acknowledgedBelow).toBe(Math.min(next, ...unanswered));
        expect(writes.unanswered).toBe(unanswered.size);
      }
    }),
  );
});

test("the window is full when that many positions follow the lowest unanswered one, and moves with it", () => {
  const writes = session();
  writes.begin(sessionWindow);
  expect(writes.hasRoom(1)).toBe(false);
  expect(() => writes.begin(1)).toThrow(/window/);
  for (let seq = 2; seq <= sessionWindow; seq += 1) writes.settle(seq);
  expect(writes.hasRoom(1)).toBe(false);
  writes.settle(1);
  expect(writes.hasRoom(sessionWindow)).toBe(true);
  expect(writes.acknowledgedBelow).toBe(sessionWindow + 1);
  expect(writes.begin(1)).toBe(sessionWindow + 1);
});

test("a write that is answered twice is a defect, and found", () => {
  const writes = session();
  writes.begin(3);
  writes.settle(2);
  expect(() => writes.settle(2)).toThrow(/twice/);
  writes.settle(1);
  expect(() => writes.settle(1)).toThrow(/twice/);
});
