import type { Checker, Observation } from "../observation.ts";

/** Election safety (Raft paper, figure 3): at most one leader per term, and at most one vote per replica and term. */
export class ElectionSafety implements Checker {
  readonly name = "election safety";
  readonly #leaders = new Map<number, number>();
  readonly #votes = new Map<string, number>();

  observe(observation: Observation): string | undefined {
    if (observation.type === "elected") return this.#elected(observation.replica, observation.term);
    if (observation.type !== "sent") return undefined;
    const { message } = observation;
    if (message.type !== "voteResponse" || message.preVote || message.reject) return undefined;
    const ballot = `${message.from}@${message.term}`;
    const previous = this.#votes.get(ballot) ?? message.to;
    this.#votes.set(ballot, message.to);
    if (previous === message.to) return undefined;
    return `replica ${message.from} voted for ${previous} and for ${message.to} in term ${message.term}`;
  }

  #elected(replica: number, term: number): string | undefined {
    const previous = this.#leaders.get(term);
    this.#leaders.set(term, replica);
    if (previous === undefined) return undefined;
    // Not even the same replica: in another life it would not know what it wrote in the first.
    return `term ${term} was led by ${previous}, and now by ${replica}`;
  }
}
