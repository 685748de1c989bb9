import { ApiError } from "../http/api-error.ts";
import type { ShardStateMachine } from "../shard/shard-state-machine.ts";

/** How often to look, and for how long. */
const pollMs = 5;
const limitMs = 2000;

/** Waits until the replica has applied an index. @throws ApiError STALE when it takes too long. */
export async function awaitApplied(machine: ShardStateMachine, index: number): Promise<void> {
  for (let waitedMs = 0; machine.appliedIndex < index; waitedMs += pollMs) {
    if (waitedMs >= limitMs) {
      throw new ApiError({
        reason: "STALE",
        outcome: "NOT_APPLIED",
        message: `the replica has applied ${machine.appliedIndex} of ${index} entries`,
      });
    }
    // oxlint-disable-next-line no-await-in-loop -- waiting is the purpose
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
