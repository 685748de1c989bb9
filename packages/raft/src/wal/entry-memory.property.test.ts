import * as fc from "fast-check";
import { expect, test } from "vitest";
import { TestDisk } from "../../test/wal-disk.ts";
import { type Entry, EntryType } from "../core/entry.ts";
import { EntryCache } from "./entry-cache.ts";
import { EntryIndex } from "./entry-index.ts";
import { Segment } from "./segment.ts";

/** What may happen to a log. Places are shares of it, so that they fit whatever its length is. */
type Step =
  | {
      readonly kind: "append";
      readonly count: number;
      readonly newTerm: boolean;
      readonly newSegment: boolean;
    }
  | { readonly kind: "dropFrom" | "dropThrough"; readonly share: number }
  | { readonly kind: "restart"; readonly gap: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("append" as const),
        count: fc.integer({ min: 1, max: 40 }),
        newTerm: fc.boolean(),
        newSegment: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom("dropFrom" as const, "dropThrough" as const),
        share: fc.double({ min: 0, max: 1.2, noNaN: true }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("restart" as const), gap: fc.integer({ min: 0, max: 5 }) }),
    },
  ),
  { maxLength: 40 },
);

function makeSegment(sequence: number): Segment {
  const header = { sequence, bytes: 1 << 20, salt: new Uint8Array(8), logId: new Uint8Array(16) };
  const file = new TestDisk().open(`/${sequence}`, "create");
  return new Segment(header, `/${sequence}`, file);
}

interface Expected {
  readonly index: number;
  readonly term: number;
  readonly segment: Segment;
  readonly offset: number;
}

test("the index of entries says what a plain list says, and counts the runs in each segment", () => {
  fc.assert(
    fc.property(steps, (todo) => {
      const index = new EntryIndex();
      const segments = [makeSegment(1)];
      let list: Expected[] = [];
      let first = 1;
      let term = 1;
      for (const step of todo) {
        const last = first + list.length - 1;
        if (step.kind === "append") {
          if (step.newTerm) term += 1;
          if (step.newSegment) segments.push(makeSegment(segments.length + 1));
          for (let count = 1; count <= step.count; count++) {
            const segment = segments.at(-1) ?? makeSegment(0);
            const offset = (last + count) * 10;
            index.push(term, last + count, { segment, offset });
            list.push({ index: last + count, term, segment, offset });
          }
        } else if (step.kind === "restart") {
          first = last + 1 + step.gap;
          list = [];
          index.restart(first);
        } else {
          const place = first + Math.floor(step.share * list.length);
          if (step.kind === "dropFrom") {
            index.dropFrom(place);
            list = list.filter((entry) => entry.index < place);
          } else {
            index.dropThrough(place);
            first = Math.max(first, place + 1);
            list = list.filter((entry) => entry.index > place);
          }
        }
        expect(index.first).toBe(first);
        expect(index.last).toBe(first + list.length - 1);
        const found = list.map((entry) => ({
          index: entry.index,
          term: index.term(entry.index),
          segment: index.segment(entry.index),
          offset: index.offset(entry.index),
        }));
        expect(found).toEqual(list);
        expect(list.every((entry) => index.dataBytes(entry.index) === entry.index)).toBe(true);
        for (const segment of segments) {
          expect(segment.references).toBe(list.some((entry) => entry.segment === segment) ? 1 : 0);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test("the cache holds a tail of each log, within its bounds, and never anything stale", () => {
  const todo = fc.array(
    fc.record({
      group: fc.integer({ min: 1, max: 3 }),
      kind: fc.constantFrom(
        "append" as const,
        "append" as const,
        "append" as const,
        "conflict" as const,
        "compact" as const,
        "drop" as const,
      ),
      count: fc.integer({ min: 1, max: 20 }),
      bytes: fc.integer({ min: 0, max: 300 }),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(todo, (all) => {
      const maxBytes = 4000;
      const cache = new EntryCache(maxBytes);
      const logs = new Map<number, Entry[]>([1, 2, 3].map((group) => [group, []]));
      const through = new Map<number, number>();
      for (const [term, { group, kind, count, bytes }] of all.entries()) {
        let log = logs.get(group) ?? [];
        const last = log.at(-1)?.index ?? through.get(group) ?? 0;
        if (kind === "append" || kind === "conflict") {
          const begin = kind === "append" ? last + 1 : Math.max((through.get(group) ?? 0) + 1, last - count);
          const added = Array.from({ length: count }, (_, at) => ({
            type: EntryType.Normal,
            term,
            index: begin + at,
            data: new Uint8Array(bytes),
          }));
          log = [...log.filter((entry) => entry.index < begin), ...added];
          cache.add(group, added);
        } else if (kind === "compact") {
          const index = Math.min(last, (through.get(group) ?? 0) + count);
          through.set(group, index);
          log = log.filter((entry) => entry.index > index);
          cache.dropThrough(group, index);
        } else {
          log = log.filter((entry) => entry.index <= last - count);
          cache.dropFrom(group, last - count + 1);
        }
        logs.set(group, log);
        // One addition may be larger than the whole cache; then nothing else is in it.
        expect(cache.bytes).toBeLessThanOrEqual(Math.max(maxBytes, count * (bytes + 96)));
        for (const [other, entries] of logs) {
          const from = cache.first(other);
          const end = (entries.at(-1)?.index ?? 0) + 1;
          const tail = from === undefined ? [] : cache.slice(other, from, end);
          expect(tail).toEqual(from === undefined ? [] : entries.filter(({ index }) => index >= from));
        }
      }
    }),
    { numRuns: 150 },
  );
});
