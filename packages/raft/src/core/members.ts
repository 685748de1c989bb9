import type { Configuration } from "./configuration.ts";
import { isVoter, membersOf } from "./configuration-rules.ts";
import type { InflightLimits } from "./inflights.ts";
import { Progress } from "./progress.ts";
import { quorumValue } from "./quorum.ts";

/** The configuration in force, and one `Progress` per member. */
export class Members {
  readonly #limits: InflightLimits;
  readonly #byReplica = new Map<number, Progress>();
  #configuration: Configuration;
  #ascending: readonly Progress[] = [];

  constructor(configuration: Configuration, limits: InflightLimits) {
    this.#limits = limits;
    this.#configuration = configuration;
    this.adopt(configuration, 1);
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Ascending by replica, so that two runs send in the same order. */
  get all(): readonly Progress[] {
    return this.#ascending;
  }

  get(replica: number): Progress | undefined {
    return this.#byReplica.get(replica);
  }

  isVoter(replica: number): boolean {
    return isVoter(this.#configuration, replica);
  }

  /** Puts a configuration into force. What is known of a member that stays is kept; a new one is probed at `next`. */
  adopt(configuration: Configuration, next: number): void {
    this.#configuration = configuration;
    const members = membersOf(configuration);
    for (const replica of this.#byReplica.keys())
      if (!members.includes(replica)) this.#byReplica.delete(replica);
    for (const replica of members) {
      const learner = configuration.learners.includes(replica);
      const known = this.#byReplica.get(replica);
      if (known !== undefined) {
        known.learner = learner;
        continue;
      }
      const added = new Progress({ replica, next, learner, limits: this.#limits });
      // It must not count as silent before it had a chance to speak, or the leader would step down at once.
      added.recentActive = true;
      this.#byReplica.set(replica, added);
    }
    this.#ascending = members.map((replica) => this.#byReplica.get(replica)!);
  }

  /** The highest index that a majority of each half has on disk. */
  quorumMatch(): number {
    return quorumValue(this.#configuration, (replica) => this.#byReplica.get(replica)?.match ?? 0);
  }

  /** The newest round of heartbeats that a majority of each half has answered. */
  quorumRound(): number {
    return quorumValue(this.#configuration, (replica) => this.#byReplica.get(replica)?.round ?? 0);
  }

  /** Whether a majority of each half, this replica included, was heard of lately. */
  quorumActive(self: number): boolean {
    const active = (replica: number): number =>
      replica === self || this.#byReplica.get(replica)?.recentActive === true ? 1 : 0;
    return quorumValue(this.#configuration, active) === 1;
  }
}
