import { RaftError } from "./raft-error.ts";

/**
 * A rule that the algorithm's safety rests on does not hold: either this code is wrong, or the log lost something it had
 * promised to keep. Going on could destroy committed entries, so the group stops (and only the group).
 */
export function violated(what: string): never {
  throw new RaftError(
    "INVARIANT",
    `${what}. This replica must not go on; inspect its log before you restart it.`,
  );
}
