/**
 * How a group gets from the members it has to the members it should have: worked out anew from both each time, so that it
 * does not matter who began a change or how far it got.
 *
 * New replicas come in as learners, so that they count for nothing until they have the data. Only when all of them have
 * caught up does one joint change (Raft paper, section 6) make them voters and take the others out: the group never has
 * fewer living voters on the way than before.
 */
import type { Configuration, MemberChange, ProgressStatus } from "@titan-kv/raft";
import type { ReplicaRecord } from "../meta/cluster-map.ts";

/** A learner this close to the end of the log is taken for caught up. */
export const caughtUpEntries = 1000;

/** What to do next. */
export type MemberStep =
  | { readonly type: "none" }
  /** Wait for something that is under way. */
  | { readonly type: "wait" }
  | { readonly type: "change"; readonly changes: readonly MemberChange[] }
  /** The leader is among those that go: somebody else has to lead first. */
  | { readonly type: "transfer"; readonly to: number };

/** A group as its leader sees it. */
export interface GroupView {
  /** The leader's replica id. */
  readonly self: number;
  readonly lastIndex: number;
  readonly configuration: Configuration;
  /** Whether a change is in the log and not applied yet. */
  readonly changePending: boolean;
  readonly progress: readonly ProgressStatus[];
}

export function nextMemberChange(wanted: readonly ReplicaRecord[], group: GroupView): MemberStep {
  const { configuration } = group;
  if (group.changePending || configuration.votersOutgoing.length > 0) return { type: "wait" };
  if (wanted.length === 0) return { type: "none" };
  const members = new Set([...configuration.voters, ...configuration.learners]);
  const missing = wanted.filter(({ replica }) => !members.has(replica));
  if (missing.length > 0) {
    return { type: "change", changes: missing.map(({ replica }) => ({ type: "addLearner", replica })) };
  }
  const changes = finalChanges(wanted, configuration);
  if (changes.length === 0) return { type: "none" };
  const promoted = changes.filter(({ type }) => type === "addVoter");
  if (!promoted.every(({ replica }) => hasCaughtUp(group, replica))) return { type: "wait" };
  const wantedVoters = wanted.filter(({ role }) => role === "voter").map(({ replica }) => replica);
  if (!wantedVoters.includes(group.self)) {
    const to = wantedVoters.find(
      (replica) => configuration.voters.includes(replica) && hasCaughtUp(group, replica),
    );
    if (to !== undefined) return { type: "transfer", to };
    // Nobody who stays votes yet: they are made voters first, and take over in the next step.
    return promoted.length > 0 ? { type: "change", changes: promoted } : { type: "wait" };
  }
  return { type: "change", changes };
}

/** The changes from the configuration to what is wanted, when all wanted replicas are members. */
function finalChanges(wanted: readonly ReplicaRecord[], configuration: Configuration): MemberChange[] {
  const wantedIds = new Set(wanted.map(({ replica }) => replica));
  const changes: MemberChange[] = [];
  for (const { replica, role } of wanted) {
    const isVoter = configuration.voters.includes(replica);
    if (role === "voter" && !isVoter) changes.push({ type: "addVoter", replica });
    if (role === "learner" && isVoter) changes.push({ type: "addLearner", replica });
  }
  for (const replica of [...configuration.voters, ...configuration.learners]) {
    if (!wantedIds.has(replica)) changes.push({ type: "remove", replica });
  }
  return changes;
}

function hasCaughtUp(group: GroupView, replica: number): boolean {
  if (replica === group.self) return true;
  const progress = group.progress.find((each) => each.replica === replica);
  if (progress === undefined || !progress.recentActive || progress.state === "snapshot") return false;
  return progress.match + caughtUpEntries >= group.lastIndex && progress.match > 0;
}
