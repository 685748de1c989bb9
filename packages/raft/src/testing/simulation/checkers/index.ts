import type { Checker } from "../observation.ts";
import { Commitment } from "./commitment.ts";
import { ConfigurationSafety } from "./configuration-safety.ts";
import { DurablePromise } from "./durable-promise.ts";
import { DurableQuorum } from "./durable-quorum.ts";
import { ElectionSafety } from "./election-safety.ts";
import { LeaderCompleteness } from "./leader-completeness.ts";
import { LeaseExclusivity } from "./lease-exclusivity.ts";
import { LogMatching } from "./log-matching.ts";
import { Monotonicity } from "./monotonicity.ts";
import { StateMachineSafety } from "./state-machine-safety.ts";

/** One of each checker, new. */
export function makeCheckers(): Checker[] {
  return [
    new ElectionSafety(),
    new LogMatching(),
    new Commitment(),
    new LeaderCompleteness(),
    new StateMachineSafety(),
    new DurableQuorum(),
    new DurablePromise(),
    new ConfigurationSafety(),
    new LeaseExclusivity(),
    new Monotonicity(),
  ];
}
