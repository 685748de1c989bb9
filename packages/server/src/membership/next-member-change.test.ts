import type { Configuration, MemberChange, ProgressStatus } from "@titan-kv/raft";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ReplicaRecord } from "../meta/cluster-map.ts";
import { type GroupView, nextMemberChange } from "./next-member-change.ts";

const lastIndex = 5000;

function configurationOf(voters: readonly number[], learners: readonly number[] = []): Configuration {
  return { index: 1, voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
}

function progressOf(replica: number, more: Partial<ProgressStatus> = {}): ProgressStatus {
  return {
    replica,
    state: "replicate",
    match: lastIndex,
    next: lastIndex + 1,
    paused: false,
    pendingSnapshot: 0,
    recentActive: true,
    learner: false,
    inflightMessages: 0,
    inflightBytes: 0,
    ...more,
  };
}

function view(self: number, configuration: Configuration, lagging: readonly number[] = []): GroupView {
  const members = [...configuration.voters, ...configuration.learners];
  const progress = members.map((replica) =>
    progressOf(replica, lagging.includes(replica) ? { match: 1 } : {}),
  );
  return { self, lastIndex, configuration, changePending: false, progress };
}

function wanted(voters: readonly number[], learners: readonly number[] = []): ReplicaRecord[] {
  return [
    ...voters.map((replica): ReplicaRecord => ({ node: replica, replica, role: "voter" })),
    ...learners.map((replica): ReplicaRecord => ({ node: replica, replica, role: "learner" })),
  ];
}

function applied(configuration: Configuration, changes: readonly MemberChange[]): Configuration {
  const voters = new Set(configuration.voters);
  const learners = new Set(configuration.learners);
  for (const { type, replica } of changes) {
    voters.delete(replica);
    learners.delete(replica);
    if (type === "addVoter") voters.add(replica);
    if (type === "addLearner") learners.add(replica);
  }
  return configurationOf(
    [...voters].toSorted((a, b) => a - b),
    [...learners].toSorted((a, b) => a - b),
  );
}

describe("the next change of members", () => {
  test("nothing is done when the group is as it should be", () => {
    expect(nextMemberChange(wanted([1, 2, 3]), view(1, configurationOf([1, 2, 3])))).toEqual({
      type: "none",
    });
  });

  test("a new replica comes in as a learner", () => {
    const step = nextMemberChange(wanted([1, 2, 4]), view(1, configurationOf([1, 2, 3])));
    expect(step).toEqual({ type: "change", changes: [{ type: "addLearner", replica: 4 }] });
  });

  test("a learner that has not caught up holds everything back, so that the old voter stays", () => {
    const group = view(1, configurationOf([1, 2, 3], [4]), [4]);
    expect(nextMemberChange(wanted([1, 2, 4]), group)).toEqual({ type: "wait" });
  });

  test("when it has caught up it takes the other one's place in one change", () => {
    const step = nextMemberChange(wanted([1, 2, 4]), view(1, configurationOf([1, 2, 3], [4])));
    expect(step).toEqual({
      type: "change",
      changes: [
        { type: "addVoter", replica: 4 },
        { type: "remove", replica: 3 },
      ],
    });
  });

  test("a leader that goes hands over first", () => {
    const step = nextMemberChange(wanted([2, 3, 4]), view(1, configurationOf([1, 2, 3], [4])));
    expect(step).toEqual({ type: "transfer", to: 2 });
  });

  test("a leader whose successors do not vote yet makes them voters first", () => {
    const step = nextMemberChange(wanted([2]), view(1, configurationOf([1], [2])));
    expect(step).toEqual({ type: "change", changes: [{ type: "addVoter", replica: 2 }] });
  });

  test("nothing is proposed while a change is under way", () => {
    const configuration = { ...configurationOf([1, 2, 4]), votersOutgoing: [1, 2, 3] };
    expect(nextMemberChange(wanted([1, 2, 5]), view(1, configuration))).toEqual({ type: "wait" });
    const pending = { ...view(1, configurationOf([1, 2, 3])), changePending: true };
    expect(nextMemberChange(wanted([1, 2, 5]), pending)).toEqual({ type: "wait" });
  });

  test("from any members it comes to what is wanted, without a moment with fewer caught-up voters than at the ends", () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(ids, ids, fc.array(fc.integer({ min: 1, max: 7 })), (from, to, learners) => {
        const target = wanted(
          to,
          [...new Set(learners)].filter((id) => !to.includes(id)),
        );
        let configuration = configurationOf(from.toSorted((a, b) => a - b));
        let self = from[0]!;
        for (let steps = 0; steps < 20; steps += 1) {
          const step = nextMemberChange(target, view(self, configuration));
          if (step.type === "none") {
            expect(configuration.voters).toEqual(to.toSorted((a, b) => a - b));
            return;
          }
          if (step.type === "transfer") self = step.to;
          if (step.type === "change") configuration = applied(configuration, step.changes);
          expect(configuration.voters).toContain(self);
          expect(configuration.voters.length).toBeGreaterThanOrEqual(Math.min(from.length, to.length));
        }
        expect.unreachable("the group never came to what is wanted");
      }),
    );
  });
});
