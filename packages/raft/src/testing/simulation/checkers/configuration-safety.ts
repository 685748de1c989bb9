import type { Configuration } from "../../../index.ts";
import { describeConfiguration } from "../../describe.ts";
import type { Checker, Observation } from "../observation.ts";
import { isQuorum } from "./quorum-definition.ts";

/**
 * Configurations change in steps that keep every quorum in touch with every quorum before (Raft paper, section 6), and the
 * same entry makes the same configuration everywhere.
 */
export class ConfigurationSafety implements Checker {
  readonly name = "configurations overlap";
  readonly #byIndex = new Map<number, Configuration>();
  #newest: Configuration | undefined;

  observe(observation: Observation): string | undefined {
    if (observation.type === "turned" && this.#newest === undefined) {
      this.#newest =
        observation.status.configuration.voters.length > 0 ? observation.status.configuration : undefined;
    }
    if (observation.type !== "reconfigured") return undefined;
    const { replica, configuration } = observation;
    const known = this.#byIndex.get(configuration.index);
    if (known !== undefined) {
      const [here, there] = [describeConfiguration(configuration), describeConfiguration(known)];
      if (here === there) return undefined;
      return `configuration ${configuration.index} is ${here} on replica ${replica}, and was ${there} before`;
    }
    this.#byIndex.set(configuration.index, configuration);
    const previous = this.#newest;
    if (previous !== undefined && previous.index > configuration.index) return undefined;
    this.#newest = configuration;
    if (previous === undefined || overlap(previous, configuration)) return undefined;
    return `configuration ${configuration.index} has a quorum apart from one of configuration ${previous.index}`;
  }
}

/** Whether each quorum of one shares a member with each of the other. */
function overlap(left: Configuration, right: Configuration): boolean {
  const members = [
    ...new Set([...left.voters, ...left.votersOutgoing, ...right.voters, ...right.votersOutgoing]),
  ];
  for (let set = 0; set < 1 << members.length; set += 1) {
    const inside = (replica: number): boolean => (set & (1 << members.indexOf(replica))) !== 0;
    const outside = (replica: number): boolean => !inside(replica);
    if (isQuorum(left, inside) && isQuorum(right, outside)) return false;
  }
  return true;
}
