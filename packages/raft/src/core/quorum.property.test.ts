import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Configuration } from "./configuration.ts";
import { emptyConfiguration } from "./configuration.ts";
import { pollResult, quorumValue } from "./quorum.ts";

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 });

const configuration: fc.Arbitrary<Configuration> = fc
  .record({ voters: ids, votersOutgoing: fc.oneof(fc.constant([]), ids) })
  .map((lists) => ({ ...emptyConfiguration, ...lists }));

const values = fc.array(fc.nat(20), { minLength: 10, maxLength: 10 });

/** Whether the members that satisfy the condition are a majority of each half: the definition, by counting. */
function isQuorum(members: Configuration, holds: (replica: number) => boolean): boolean {
  return [members.voters, members.votersOutgoing]
    .filter((half) => half.length > 0)
    .every((half) => half.filter((replica) => holds(replica)).length * 2 > half.length);
}

describe("quorums", () => {
  it("the quorum value is the highest that a majority of each half has", () => {
    fc.assert(
      fc.property(configuration, values, (members, have) => {
        const result = quorumValue(members, (replica) => have[replica] ?? 0);
        expect(isQuorum(members, (replica) => (have[replica] ?? 0) >= result)).toBe(true);
        expect(isQuorum(members, (replica) => (have[replica] ?? 0) >= result + 1)).toBe(false);
      }),
      { numRuns: 3000 },
    );
  });

  it("a poll is won by majorities of both halves, and lost as soon as that is impossible", () => {
    const answers = fc.array(fc.constantFrom(true, false, undefined), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(configuration, answers, (members, given) => {
        const votes = new Map<number, boolean>();
        given.forEach((answer, replica) => (answer === undefined ? undefined : votes.set(replica, answer)));
        const won = isQuorum(members, (replica) => votes.get(replica) === true);
        const possible = isQuorum(members, (replica) => votes.get(replica) !== false);
        const expected = possible ? "pending" : "lost";
        expect(pollResult(members, votes)).toBe(won ? "won" : expected);
      }),
      { numRuns: 3000 },
    );
  });

  it("nothing is agreed on by nobody", () => {
    expect(quorumValue(emptyConfiguration, () => 5)).toBe(0);
    expect(pollResult(emptyConfiguration, new Map([[1, true]]))).toBe("lost");
  });
});
