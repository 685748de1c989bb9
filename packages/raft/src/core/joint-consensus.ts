// How one configuration becomes another (Raft paper, section 6; dissertation, chapter 4). Pure functions.
//
// A change of one replica keeps every old majority in touch with every new one, so it may happen at once. Anything larger
// goes through a joint configuration, in which both the old and the new voters must agree.

import type { ConfChange, MemberChange } from "./conf-change.ts";
import type { Configuration } from "./configuration.ts";
import { configurationFault, isJoint } from "./configuration-rules.ts";

/**
 * The configuration after a change that was made by the entry at `index`; undefined when the change makes no sense, which
 * leaves the configuration as it was.
 */
export function changedConfiguration(
  configuration: Configuration,
  change: ConfChange,
  index: number,
): Configuration | undefined {
  if (change.changes.length === 0) return isJoint(configuration) ? left(configuration, index) : undefined;
  if (isJoint(configuration) || mentionsTwice(change.changes)) return undefined;
  const direct = change.transition === "auto" && change.changes.length === 1;
  const base: Configuration = direct
    ? configuration
    : { ...configuration, votersOutgoing: configuration.voters, autoLeave: change.transition !== "explicit" };
  let changed: Configuration = { ...base, index };
  for (const step of change.changes) changed = withChange(changed, step);
  if (changed.voters.length === 0 || configurationFault(changed) !== undefined) return undefined;
  return changed;
}

/** Out of the joint configuration: the incoming voters decide alone. */
function left(configuration: Configuration, index: number): Configuration {
  return {
    index,
    voters: configuration.voters,
    votersOutgoing: [],
    learners: ascending([...configuration.learners, ...configuration.learnersNext]),
    learnersNext: [],
    autoLeave: false,
  };
}

function withChange(configuration: Configuration, { type, replica }: MemberChange): Configuration {
  if (type === "addVoter") {
    const bare = without(configuration, replica);
    return { ...bare, voters: ascending([...bare.voters, replica]) };
  }
  if (type === "remove") return without(configuration, replica);
  const bare = without(configuration, replica);
  // An outgoing voter still votes; it becomes a learner when it no longer does.
  if (configuration.votersOutgoing.includes(replica)) {
    return { ...bare, learnersNext: ascending([...bare.learnersNext, replica]) };
  }
  return { ...bare, learners: ascending([...bare.learners, replica]) };
}

/** Everywhere but in the outgoing half, which does not change. */
function without(configuration: Configuration, replica: number): Configuration {
  const others = (list: readonly number[]): number[] => list.filter((member) => member !== replica);
  return {
    ...configuration,
    voters: others(configuration.voters),
    learners: others(configuration.learners),
    learnersNext: others(configuration.learnersNext),
  };
}

function mentionsTwice(changes: readonly MemberChange[]): boolean {
  return new Set(changes.map((step) => step.replica)).size < changes.length;
}

function ascending(list: readonly number[]): number[] {
  return [...new Set(list)].toSorted((first, second) => first - second);
}
