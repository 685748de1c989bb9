import type { Configuration } from "./configuration.ts";

/** The outcome of a poll so far. */
export type PollResult = "won" | "lost" | "pending";

/**
 * The highest value that every majority's members can rely on: in each half of the configuration, a majority has at least
 * this much (Raft paper, sections 5.3 and 6). Used with match indexes it is what may be committed, used with heartbeat
 * rounds it is the newest confirmed one. 0 in a configuration without voters.
 *
 * Sorted afresh each time: with a handful of voters that is cheap, and an order kept up to date across calls is an
 * invariant one can lose.
 */
export function quorumValue(configuration: Configuration, valueOf: (replica: number) => number): number {
  if (configuration.voters.length === 0) return 0;
  const incoming = majorityValue(configuration.voters, valueOf);
  if (configuration.votersOutgoing.length === 0) return incoming;
  return Math.min(incoming, majorityValue(configuration.votersOutgoing, valueOf));
}

/** Counts a poll. Only voters' answers count, and a joint configuration needs both majorities. */
export function pollResult(configuration: Configuration, votes: ReadonlyMap<number, boolean>): PollResult {
  const incoming = majorityResult(configuration.voters, votes);
  if (configuration.votersOutgoing.length === 0) return incoming;
  const outgoing = majorityResult(configuration.votersOutgoing, votes);
  if (incoming === outgoing) return incoming;
  return incoming === "lost" || outgoing === "lost" ? "lost" : "pending";
}

function majorityValue(voters: readonly number[], valueOf: (replica: number) => number): number {
  const values = voters.map((voter) => valueOf(voter));
  values.sort((left, right) => right - left);
  // Of n values in falling order, the one at floor(n / 2) has a majority at or above it.
  return values[Math.floor(values.length / 2)] ?? 0;
}

function majorityResult(voters: readonly number[], votes: ReadonlyMap<number, boolean>): PollResult {
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted += 1;
    else if (vote === false) refused += 1;
  }
  const majority = Math.floor(voters.length / 2) + 1;
  if (granted >= majority) return "won";
  return voters.length - refused < majority ? "lost" : "pending";
}
