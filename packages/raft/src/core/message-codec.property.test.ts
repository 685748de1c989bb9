import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ConfChange } from "./conf-change.ts";
import { decodeConfChange, encodeConfChange } from "./conf-change-codec.ts";
import type { Configuration } from "./configuration.ts";
import { configurationFault } from "./configuration-rules.ts";
import { EntryType } from "./entry.ts";
import type { Message } from "./message.ts";
import { decodeMessage, encodeMessage } from "./message-codec.ts";
import { RaftError } from "./raft-error.ts";

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const data = fc.uint8Array({ maxLength: 40 });
const ids = fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { maxLength: 5 });

function ascending(list: readonly number[]): number[] {
  return list.toSorted((left, right) => left - right);
}

const configuration: fc.Arbitrary<Configuration> = fc
  .record({
    index: number,
    voters: ids,
    votersOutgoing: ids,
    learners: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
  })
  .map((lists) => {
    const voters = ascending(lists.voters);
    const votersOutgoing = voters.length === 0 ? [] : ascending(lists.votersOutgoing);
    const learnersNext = ascending(lists.learnersNext).filter(
      (replica) => votersOutgoing.includes(replica) && !voters.includes(replica),
    );
    const learners = ascending(lists.learners).filter(
      (replica) => ![...voters, ...votersOutgoing, ...learnersNext].includes(replica),
    );
    const autoLeave = votersOutgoing.length > 0 && lists.autoLeave;
    return { index: lists.index, voters, votersOutgoing, learners, learnersNext, autoLeave };
  });

const append: fc.Arbitrary<Message> = fc
  .record({
    from: id,
    to: id,
    previousIndex: fc.nat(1e9),
    previousTerm: fc.nat(1e9),
    commit: number,
    entries: fc.array(
      fc.record({ type: fc.constantFrom(EntryType.Normal, EntryType.ConfChange), raise: fc.nat(3), data }),
      { maxLength: 6 },
    ),
  })
  .map(({ from, to, previousIndex, previousTerm, commit, entries: parts }) => {
    let term = previousTerm;
    let index = previousIndex;
    const entries = parts.map((part) => {
      term += part.raise;
      index += 1;
      return { type: part.type, term, index, data: part.data };
    });
    return { type: "appendRequest", from, to, term, previousIndex, previousTerm, entries, commit };
  });

const envelope = { from: id, to: id, term: number };
const flag = fc.boolean();
const message: fc.Arbitrary<Message> = fc.oneof(
  append,
  fc.record({
    type: fc.constant("appendResponse" as const),
    ...envelope,
    index: number,
    reject: flag,
    hintIndex: number,
    hintTerm: number,
  }),
  fc.record({
    type: fc.constant("voteRequest" as const),
    ...envelope,
    preVote: flag,
    lastIndex: number,
    lastTerm: number,
    transfer: flag,
    commit: number,
    commitTerm: number,
  }),
  fc.record({
    type: fc.constant("voteResponse" as const),
    ...envelope,
    preVote: flag,
    reject: flag,
    commit: number,
    commitTerm: number,
  }),
  fc.record({ type: fc.constant("heartbeat" as const), ...envelope, commit: number, round: number }),
  fc.record({ type: fc.constant("heartbeatResponse" as const), ...envelope, round: number }),
  fc.record({
    type: fc.constant("installSnapshot" as const),
    ...envelope,
    snapshot: fc.record({ index: number, term: number, configuration }),
  }),
  fc.record({ type: fc.constant("timeoutNow" as const), ...envelope }),
  fc.record({ type: fc.constant("proposal" as const), ...envelope, datas: fc.array(data, { maxLength: 4 }) }),
  fc.record({
    type: fc.constant("readRequest" as const),
    ...envelope,
    ticket: number,
    confirm: fc.boolean(),
    incarnation: number,
  }),
  fc.record({
    type: fc.constant("readResponse" as const),
    ...envelope,
    ticket: number,
    incarnation: number,
    index: number,
  }),
  fc.record({ type: fc.constant("transferRequest" as const), ...envelope, target: id }),
);

const change: fc.Arbitrary<ConfChange> = fc.record(
  {
    transition: fc.constantFrom("auto", "implicit", "explicit"),
    changes: fc.array(fc.record({ type: fc.constantFrom("addVoter", "addLearner", "remove"), replica: id })),
    expectedConfigurationIndex: number,
    context: fc.uint8Array({ minLength: 1, maxLength: 20 }),
  },
  { requiredKeys: ["transition", "changes"] },
);

/**
 * What decoding does with the bytes: the name of the typed error, "accepted" when encoding gives the same bytes again, and
 * something else when a rule is broken.
 */
function outcomeOf(bytes: Uint8Array, recode: (bytes: Uint8Array) => Uint8Array): string {
  try {
    return Buffer.from(recode(bytes)).equals(bytes) ? "accepted" : "accepted, but it has another encoding";
  } catch (error) {
    return error instanceof RaftError ? error.code : String(error);
  }
}

const recodeMessage = (bytes: Uint8Array): Uint8Array => encodeMessage(decodeMessage(bytes));
const recodeChange = (bytes: Uint8Array): Uint8Array => encodeConfChange(decodeConfChange(bytes));

describe("the encoding of messages", () => {
  it("gives back every message it was given", () => {
    fc.assert(
      fc.property(message, (original) => {
        expect(decodeMessage(encodeMessage(original))).toEqual(original);
      }),
      { numRuns: 2000 },
    );
  });

  it("refuses every prefix of a message", () => {
    fc.assert(
      fc.property(message, (original) => {
        const bytes = encodeMessage(original);
        for (let length = 0; length < bytes.length; length += 1) {
          expect(() => decodeMessage(bytes.subarray(0, length))).toThrow(/Cannot decode/);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("answers damaged bytes with a typed error or with the one message they encode", () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (original, position, mask) => {
        const bytes = encodeMessage(original);
        const at = position % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        expect(["accepted", "MALFORMED"]).toContain(outcomeOf(bytes, recodeMessage));
      }),
      { numRuns: 3000 },
    );
  });

  it("answers arbitrary bytes with a typed error or with the one message they encode", () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 11 }), fc.uint8Array({ maxLength: 30 }), (kind, rest) => {
        const outcome = outcomeOf(Uint8Array.of(1, kind, ...rest), recodeMessage);
        expect(["accepted", "MALFORMED"]).toContain(outcome);
        if (outcome === "accepted") accepted += 1;
      }),
      { numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(0);
  });

  it("shares the bytes of entries with the frame instead of copying them", () => {
    const bytes = encodeMessage({
      type: "appendRequest",
      from: 1,
      to: 2,
      term: 1,
      previousIndex: 0,
      previousTerm: 0,
      commit: 0,
      entries: [{ type: EntryType.Normal, term: 1, index: 1, data: Uint8Array.of(1, 2, 3) }],
    });
    const decoded = decodeMessage(bytes);
    expect(decoded.type === "appendRequest" && decoded.entries[0]?.data.buffer === bytes.buffer).toBe(true);
  });

  it("does not encode a gap between entries", () => {
    expect(() =>
      encodeMessage({
        type: "appendRequest",
        from: 1,
        to: 2,
        term: 1,
        previousIndex: 0,
        previousTerm: 0,
        commit: 0,
        entries: [{ type: EntryType.Normal, term: 1, index: 2, data: new Uint8Array(0) }],
      }),
    ).toThrow(/cannot follow/);
  });
});

describe("the encoding of configuration changes", () => {
  it("gives back every change it was given", () => {
    fc.assert(
      fc.property(change, (original) => {
        expect(decodeConfChange(encodeConfChange(original))).toEqual(original);
      }),
    );
  });

  it("answers arbitrary bytes with a typed error or a change", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (rest) => {
        expect(["accepted", "MALFORMED"]).toContain(outcomeOf(Uint8Array.of(1, ...rest), recodeChange));
      }),
      { numRuns: 2000 },
    );
  });

  it("carries only configurations that follow the rules", () => {
    fc.assert(
      fc.property(configuration, (original) => {
        expect(configurationFault(original)).toBeUndefined();
      }),
    );
  });
});
