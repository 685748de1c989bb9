import type { Checker, Observation, WorldView } from "../observation.ts";
import { isQuorum } from "./quorum-definition.ts";

/**
 * While a leader's lease is valid nobody else can come to lead (dissertation, section 6.4.1). It is enough that a majority
 * has voted, on disk: that the candidate has not heard of it yet is only the network's delay.
 */
export class LeaseExclusivity implements Checker {
  readonly name = "lease exclusivity";

  observe(observation: Observation, world: WorldView): string | undefined {
    if (observation.type !== "sent") return undefined;
    const { message } = observation;
    if (message.type !== "voteResponse" || message.preVote || message.reject) return undefined;
    const { to: candidate, term } = message;
    const configuration = world.replicas.find(({ id }) => id === candidate)?.status?.configuration;
    const hasVoted = (id: number): boolean => {
      const durable = world.replicas.find((each) => each.id === id)?.durable;
      return durable?.term === term && durable.vote === candidate;
    };
    if (configuration === undefined || !isQuorum(configuration, hasVoted)) return undefined;
    const holder = world.replicas.find(
      ({ status }) => status !== undefined && status.leaseValid && status.hardState.term < term,
    );
    if (holder === undefined) return undefined;
    return `replica ${candidate} has won term ${term} while ${holder.id} holds a lease of term ${holder.status?.hardState.term}`;
  }
}
