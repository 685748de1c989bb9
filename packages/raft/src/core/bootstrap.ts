import type { Configuration } from "./configuration.ts";
import type { HardState } from "./hard-state.ts";
import type { SnapshotMetadata } from "./snapshot.ts";

/**
 * What every first member of a new group writes to its log before it starts: an empty snapshot that introduces the first
 * configuration. Because the log then begins behind it, a replica that joins later cannot miss it.
 * @param voters - at least one; the same on every first member.
 */
export function bootstrapState(voters: readonly number[]): {
  readonly snapshot: SnapshotMetadata;
  readonly hardState: HardState;
} {
  const configuration: Configuration = {
    index: bootstrapIndex,
    voters: voters.toSorted((left, right) => left - right),
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  return {
    snapshot: { index: bootstrapIndex, term: bootstrapTerm, configuration },
    hardState: { term: bootstrapTerm, vote: 0, commit: bootstrapIndex },
  };
}

/** Where the log of a new group begins; the snapshot at this index stands for the empty state of the application. */
const bootstrapIndex = 1;
const bootstrapTerm = 1;
