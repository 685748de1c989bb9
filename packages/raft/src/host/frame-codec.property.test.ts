import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RaftError } from "../core/raft-error.ts";
import type { Section } from "./frame.ts";
import { FrameReader, FrameWriter } from "./frame-codec.ts";

const number = fc.maxSafeNat();
const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const address = { group: number, incarnation: number, from: id, to: id };
const configuration = fc.record({
  index: number,
  voters: fc.uniqueArray(id, { maxLength: 5 }).map((ids) => ids.toSorted((one, other) => one - other)),
  votersOutgoing: fc.constant([]),
  learners: fc.constant([]),
  learnersNext: fc.constant([]),
  autoLeave: fc.constant(false),
});
const data = fc.uint8Array({ maxLength: 50 });
const section: fc.Arbitrary<Section> = fc.oneof(
  fc.record({
    kind: fc.constant("message" as const),
    group: number,
    incarnation: number,
    message: fc.record({
      type: fc.constant("heartbeat" as const),
      from: id,
      to: id,
      term: number,
      commit: number,
      round: number,
    }),
  }),
  fc.record({ kind: fc.constant("quiet" as const), ...address, term: number, commit: number }),
  fc.record({ kind: fc.constant("stateRequest" as const), ...address }),
  fc.record({
    kind: fc.constant("offer" as const),
    ...address,
    transfer: id,
    purpose: fc.constantFrom("install" as const, "state" as const),
    term: number,
    metadata: fc.record({ index: number, term: number, configuration }),
  }),
  fc.record({
    kind: fc.constant("chunk" as const),
    ...address,
    transfer: id,
    offset: number,
    last: fc.boolean(),
    checksum: fc.nat(),
    data,
  }),
  fc.record({
    kind: fc.constant("acknowledgement" as const),
    ...address,
    transfer: id,
    state: fc.constantFrom(
      "receiving" as const,
      "complete" as const,
      "refused" as const,
      "busy" as const,
      "unknown" as const,
    ),
    offset: number,
  }),
);
const header = fc.record({ cluster: number, sender: number, receiver: number });

function write(
  frameHeader: { cluster: number; sender: number; receiver: number },
  sections: readonly Section[],
): Uint8Array {
  const writer = new FrameWriter();
  writer.begin(frameHeader);
  for (const one of sections) {
    if (one.kind === "message") writer.addMessage(one.group, one.incarnation, one.message);
    else writer.add(one);
  }
  return writer.take();
}

function read(frame: Uint8Array): { header: unknown; sections: Section[] } {
  const reader = new FrameReader(frame);
  const sections: Section[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) sections.push(next);
  return { header: reader.header, sections };
}

test("frames are read as they were written", () => {
  fc.assert(
    fc.property(header, fc.array(section, { maxLength: 6 }), (frameHeader, sections) => {
      const result = read(write(frameHeader, sections));
      expect(result.header).toEqual(frameHeader);
      expect(result.sections).toEqual(sections);
    }),
  );
});

test("a changed byte anywhere is noticed", () => {
  fc.assert(
    fc.property(
      header,
      fc.array(section, { maxLength: 3 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (frameHeader, sections, at, change) => {
        const frame = write(frameHeader, sections);
        const place = at % frame.length;
        frame[place] = (frame[place] ?? 0) ^ change;
        expect(() => read(frame)).toThrow(RaftError);
      },
    ),
  );
});

/** What a frame is refused for; nearly no random bytes have the right checksum. */
function problemOf(bytes: Uint8Array): unknown {
  try {
    return read(bytes);
  } catch (error) {
    return error instanceof RaftError ? error.code : error;
  }
}

test("any bytes are either a frame or a typed error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(problemOf(bytes)).toBe("MALFORMED");
    }),
  );
});
