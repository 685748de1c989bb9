import type { Configuration } from "./configuration.ts";

/**
 * What is wrong with a configuration, as the end of a sentence; undefined when it is well formed.
 *
 * A replica has one part to play, except that a voter of the outgoing half may also be a voter of the incoming half, or a
 * learner to be.
 */
export function configurationFault(configuration: Configuration): string | undefined {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  for (const list of [voters, votersOutgoing, learners, learnersNext]) {
    for (let position = 0; position < list.length; position += 1) {
      const id = list[position]!;
      if (!Number.isSafeInteger(id) || id < 1) return `${id} is not a replica id`;
      if (position > 0 && list[position - 1]! >= id) return "a list is not ascending";
    }
  }
  for (const id of learners) {
    if (voters.includes(id) || votersOutgoing.includes(id))
      return `replica ${id} is both a voter and a learner`;
    if (learnersNext.includes(id)) return `replica ${id} is a learner already and cannot become one later`;
  }
  for (const id of learnersNext) {
    if (!votersOutgoing.includes(id))
      return `replica ${id} is to become a learner and is not an outgoing voter`;
    if (voters.includes(id)) return `replica ${id} is to become a learner and is an incoming voter`;
  }
  if (votersOutgoing.length > 0 && voters.length === 0) return "no voter is left";
  if (votersOutgoing.length === 0 && autoLeave) return "there is no joint configuration to leave";
  return undefined;
}

/** Whether decisions need two majorities. */
export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

/** Whether the replica's vote counts, in either half. */
export function isVoter(configuration: Configuration, replica: number): boolean {
  return configuration.voters.includes(replica) || configuration.votersOutgoing.includes(replica);
}

/** Everybody who is sent the log, ascending. */
export function membersOf(configuration: Configuration): number[] {
  const { voters, votersOutgoing, learners } = configuration;
  // `learnersNext` are outgoing voters.
  return [...new Set([...voters, ...votersOutgoing, ...learners])].toSorted((left, right) => left - right);
}
