/** What the clients did and saw: the only thing that is judged. */
import type { ObjectInput, ObjectOutput } from "../checks/object-model.ts";

export type ReadLevelName = "linearizable" | "lease" | "at-least" | "bounded" | "local";

/** What became of an operation. An unknown one may have happened at any time after its call, or never. */
export type OutcomeName = "ok" | "NOT_APPLIED" | "UNKNOWN";

/** One operation of one client on one object. */
export interface RecordedOperation {
  readonly client: number;
  /** The name of the object: the part in braces that its keys share. */
  readonly object: string;
  readonly input: ObjectInput;
  /** For reads. */
  readonly level?: ReadLevelName;
  /** What a weaker read asked for: a revision, or milliseconds. */
  readonly bound?: number;
  /** Place in the order of all calls and returns: one process makes all of them, so there is one order. */
  readonly call: number;
  /** The same moment by the clock, in milliseconds. */
  readonly callMs: number;
  return: number;
  returnMs: number;
  outcome: OutcomeName;
  output?: ObjectOutput;
  /** The shard's revision as of the answer, and who gave it. */
  origin?: { readonly shard: number; readonly revision: number; readonly node: number };
  /** Why it failed. */
  code?: string;
}

/** A key that is written once and never touched again. */
export interface LedgerEntry {
  readonly key: string;
  readonly value: string;
  outcome: OutcomeName;
}

export class History {
  readonly operations: RecordedOperation[] = [];
  readonly ledger: LedgerEntry[] = [];
  /** Answers that contradict each other, found while the workload ran. */
  readonly contradictions: string[] = [];
  #moment = 0;

  /** Records that an operation begins. */
  begin(
    fields: Pick<RecordedOperation, "client" | "object" | "input" | "level" | "bound">,
  ): RecordedOperation {
    this.#moment += 1;
    const operation: RecordedOperation = {
      ...fields,
      call: this.#moment,
      callMs: performance.now(),
      return: Number.POSITIVE_INFINITY,
      returnMs: Number.POSITIVE_INFINITY,
      outcome: "UNKNOWN",
    };
    this.operations.push(operation);
    return operation;
  }

  /** Records that an operation ended, however it did. */
  end(
    operation: RecordedOperation,
    result: Pick<RecordedOperation, "outcome" | "output" | "origin" | "code">,
  ): void {
    this.#moment += 1;
    operation.return = this.#moment;
    operation.returnMs = performance.now();
    Object.assign(operation, result);
  }
}
