import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryStorage } from "../testing/memory-storage.ts";
import type { Entry } from "./entry.ts";
import { RaftLog } from "./raft-log.ts";

/** A leader of the next term overwrites a suffix; or a write reaches the disk; or its news reach the log. */
const step = fc.oneof(
  fc.record({ kind: fc.constant("append" as const), back: fc.nat(3), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant("write" as const) }),
  fc.record({ kind: fc.constant("report" as const) }),
  fc.record({ kind: fc.constant("commit" as const), count: fc.nat(3) }),
);

interface Write {
  readonly entries: readonly Entry[];
  readonly term: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
}

describe("the log over its unstable tail and its storage", () => {
  it("reads as one list, whatever is on its way to the disk", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const storage = MemoryStorage.bootstrap([1]);
        const log = new RaftLog({ storage, committed: 1, applied: 1, maxApplyingBytes: 1000 });
        const model: Entry[] = [];
        const writing: Write[] = [];
        const written: Write[] = [];
        let term = 1;
        for (const action of steps) {
          if (action.kind === "append") {
            term += 1;
            const from = Math.max(log.committed + 1, log.lastIndex + 1 - action.back);
            const entries: Entry[] = [];
            for (let offset = 0; offset < action.count; offset += 1) {
              entries.push({ type: 0, term, index: from + offset, data: Uint8Array.of(term, offset) });
            }
            model.length = from - 2;
            model.push(...entries);
            log.merge(from - 1, entries);
            const next = log.tail.nextEntries();
            log.tail.handOut();
            writing.push({ entries: next, term, lastIndex: log.lastIndex, lastTerm: log.lastTerm });
          } else if (action.kind === "write") {
            const write = writing.shift();
            if (write === undefined) continue;
            storage.write({ entries: write.entries });
            written.push(write);
          } else if (action.kind === "report") {
            const write = written.shift();
            // The caller's part of the rule: an answer to a write of an older term proves nothing.
            if (write !== undefined && write.term === term)
              log.tail.stableTo(write.lastIndex, write.lastTerm);
          } else {
            log.commitTo(Math.min(log.lastIndex, log.committed + action.count));
          }
          log.check();
          expect(log.lastIndex).toBe(model.length + 1);
          expect(log.slice(2, log.lastIndex + 1, 1000)).toEqual(model);
          for (const entry of model) expect(log.term(entry.index)).toBe(entry.term);
          expect(log.term(log.lastIndex + 1)).toBeUndefined();
          // What may be applied is on this replica's disk.
          for (const entry of log.nextCommitted(false)) {
            expect(entry.index).toBeLessThanOrEqual(storage.lastIndex());
            expect(storage.term(entry.index)).toBe(entry.term);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
