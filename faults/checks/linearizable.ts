/** Reads at the levels that promise it, and writes, are linearizable on each object; with unknown outcomes as such. */
import { checkLinearizability, type Operation } from "@titan-kv/raft/testing";
import type { RecordedOperation } from "../workload/history.ts";
import { type ObjectInput, objectModel, type ObjectOutput } from "./object-model.ts";
import type { Violation } from "./violation.ts";

/** Work spent on one object: histories that are fine take a few steps for each operation, wrong ones as many as there are. */
const maxSteps = 500_000;
/** Objects whose violation is reported; one that is understood is worth more than many. */
const maxViolations = 2;

/** What came of it. */
export interface LinearizabilityResult {
  readonly violations: readonly Violation[];
  /** Objects whose history took too long to decide. */
  readonly undecided: readonly string[];
}

/**
 * Whether the operation belongs into the history that must be linearizable. `lease` does: leases are measured by monotonic
 * clocks, which run at the same rate in all processes of one machine.
 */
function isChecked({ input, level, outcome }: RecordedOperation): boolean {
  if (outcome === "NOT_APPLIED") return false;
  if (input.type !== "read") return true;
  // A read that failed tells nothing.
  return outcome === "ok" && (level === "linearizable" || level === "lease");
}

function asOperation(recorded: RecordedOperation): Operation<ObjectInput, ObjectOutput> {
  const { client, input, call, output } = recorded;
  const result = output === undefined ? {} : { result: { output, return: recorded.return } };
  return { client, input, call, ...result };
}

export function checkLinearizable(operations: readonly RecordedOperation[]): LinearizabilityResult {
  const checked = operations.filter(isChecked);
  const violations: Violation[] = [];
  const undecided: string[] = [];
  for (const [object, history] of Map.groupBy(checked, (operation) => operation.object)) {
    const verdict = checkLinearizability(objectModel, history.map(asOperation), { maxSteps });
    if (violations.length === maxViolations) break;
    if (verdict.status === "undecided") undecided.push(object);
    if (verdict.status === "violation") {
      violations.push({ check: "linearizability", report: `object {${object}}: ${verdict.report}` });
    }
  }
  return { violations, undecided };
}
