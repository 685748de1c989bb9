import type { Checker, Observation } from "../observation.ts";

/**
 * Log matching (Raft paper, figure 3): entries of the same index and term are the same, and so is everything before them.
 * The second half follows from the first if also the terms of their predecessors agree, which is what is compared.
 */
export class LogMatching implements Checker {
  readonly name = "log matching";
  readonly #entries = new Map<string, string>();

  observe(observation: Observation): string | undefined {
    if (observation.type !== "written") return undefined;
    let previousTerm = observation.previousTerm;
    for (const entry of observation.entries) {
      const place = `${entry.index}@${entry.term}`;
      const content = `${entry.type} ${Buffer.from(entry.data).toString("latin1")} after term ${previousTerm}`;
      const known = this.#entries.get(place) ?? content;
      if (known !== content) {
        return `entry ${place} is "${known}" in one log, "${content}" in that of replica ${observation.replica}`;
      }
      this.#entries.set(place, content);
      previousTerm = entry.term;
    }
    return undefined;
  }
}
