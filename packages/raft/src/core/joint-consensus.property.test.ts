import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ConfChange } from "./conf-change.ts";
import { type Configuration, emptyConfiguration } from "./configuration.ts";
import { configurationFault, isJoint, membersOf } from "./configuration-rules.ts";
import { changedConfiguration } from "./joint-consensus.ts";

const replicas = [1, 2, 3, 4, 5];

const change: fc.Arbitrary<ConfChange> = fc.record({
  transition: fc.constantFrom("auto", "implicit", "explicit"),
  changes: fc.array(
    fc.record({
      type: fc.constantFrom("addVoter", "addLearner", "remove"),
      replica: fc.integer({ min: 1, max: 5 }),
    }),
    { maxLength: 4 },
  ),
});

/** Every set of replicas that can decide in a configuration. */
function quorums(configuration: Configuration): number[] {
  const sets: number[] = [];
  for (let set = 0; set < 1 << replicas.length; set += 1) {
    const holds = (replica: number): boolean => (set & (1 << (replica - 1))) !== 0;
    const halves = [configuration.voters, configuration.votersOutgoing].filter((half) => half.length > 0);
    if (halves.every((half) => half.filter((replica) => holds(replica)).length * 2 > half.length))
      sets.push(set);
  }
  return sets;
}

describe("changes of configuration", () => {
  it(
    "whatever is asked for, each configuration follows the rules and shares a member of every quorum with the one before",
    { timeout: 30_000 },
    () => {
      fc.assert(
        fc.property(fc.array(change, { maxLength: 8 }), (changes) => {
          let current: Configuration = { ...emptyConfiguration, voters: [1] };
          let index = 1;
          for (const step of changes) {
            index += 1;
            const next = changedConfiguration(current, step, index);
            if (next === undefined) continue;
            expect(configurationFault(next)).toBeUndefined();
            expect(next.index).toBe(index);
            for (const before of quorums(current)) {
              for (const after of quorums(next)) expect(before & after).not.toBe(0);
            }
            current = next;
          }
        }),
        { numRuns: 150 },
      );
    },
  );

  it("through a joint configuration every change arrives at what was asked for", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), change, (before, last) => {
        let current: Configuration = { ...emptyConfiguration, voters: [1, 2, 3] };
        for (const step of [...before, last]) {
          current = changedConfiguration(current, step, current.index + 1) ?? current;
          current =
            changedConfiguration(current, { transition: "auto", changes: [] }, current.index + 1) ?? current;
        }
        expect(isJoint(current)).toBe(false);
        const applied = changedConfiguration(current, last, current.index + 1);
        const settled =
          applied &&
          (changedConfiguration(applied, { transition: "auto", changes: [] }, current.index + 2) ?? applied);
        for (const { type, replica } of settled === undefined ? [] : last.changes) {
          expect(settled?.voters.includes(replica)).toBe(type === "addVoter");
          expect(settled?.learners.includes(replica)).toBe(type === "addLearner");
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("an outgoing voter that becomes a learner votes until the joint configuration is left", () => {
    const start: Configuration = { ...emptyConfiguration, voters: [1, 2, 3] };
    const joint = changedConfiguration(
      start,
      { transition: "implicit", changes: [{ type: "addLearner", replica: 3 }] },
      5,
    );
    expect(joint).toEqual({
      index: 5,
      voters: [1, 2],
      votersOutgoing: [1, 2, 3],
      learners: [],
      learnersNext: [3],
      autoLeave: true,
    });
    expect(joint && membersOf(joint)).toEqual([1, 2, 3]);
    expect(joint && changedConfiguration(joint, { transition: "auto", changes: [] }, 6)).toEqual({
      index: 6,
      voters: [1, 2],
      votersOutgoing: [],
      learners: [3],
      learnersNext: [],
      autoLeave: false,
    });
  });
});
