/**
 * What each read level promises beyond or below linearizability, judged by revisions: every acknowledged write says which
 * revision it made, and every read says as of which revision of the shard it was served and which one it found.
 */
import type { RecordedOperation } from "../workload/history.ts";
import type { CellReading } from "./object-model.ts";
import type { Violation } from "./violation.ts";

/** A write of a key that was acknowledged. */
interface KnownWrite {
  readonly revision: number;
  readonly value: string;
  readonly returnMs: number;
}

/** What is known of one key. */
interface KeyFacts {
  readonly writes: KnownWrite[];
  /** Call of every delete that may have taken place. */
  readonly deleteCalls: number[];
  /** Every value that was sent, with its write. */
  readonly sent: Map<string, RecordedOperation>;
}

function valuesSent({ input }: RecordedOperation): [string, string][] {
  if (input.type === "txn")
    return [
      ["a", input.values.a],
      ["b", input.values.b],
    ];
  return input.type === "put" || input.type === "compareAndSet" ? [[input.cell, input.value]] : [];
}

function writesDone(operation: RecordedOperation): { cell: string; value: string; revision: number }[] {
  const { input, output } = operation;
  if (input.type === "put" && output?.type === "written")
    return [{ cell: input.cell, value: input.value, revision: output.revision }];
  if (input.type === "compareAndSet" && output?.type === "compared" && output.applied)
    return [{ cell: input.cell, value: input.value, revision: output.revision }];
  if (input.type !== "txn" || output?.type !== "txn" || !output.succeeded) return [];
  const { revisions } = output;
  return (["a", "b"] as const).map((cell) => ({
    cell,
    value: input.values[cell],
    revision: revisions[cell],
  }));
}

function collectFacts(operations: readonly RecordedOperation[]): Map<string, KeyFacts> {
  const facts = new Map<string, KeyFacts>();
  const of = (object: string, cell: string): KeyFacts => {
    const key = `${object}|${cell}`;
    const known = facts.get(key) ?? { writes: [], deleteCalls: [], sent: new Map() };
    facts.set(key, known);
    return known;
  };
  for (const operation of operations) {
    const { object, input, returnMs } = operation;
    for (const [cell, value] of valuesSent(operation)) of(object, cell).sent.set(value, operation);
    for (const { cell, value, revision } of writesDone(operation))
      of(object, cell).writes.push({ revision, value, returnMs });
    if (input.type === "delete" && operation.outcome !== "NOT_APPLIED")
      of(object, input.cell).deleteCalls.push(operation.call);
  }
  return facts;
}

/** A write that the read should have seen and did not. */
function missedWrite(
  facts: KeyFacts,
  read: { readonly operation: RecordedOperation; readonly reading: CellReading },
  mustSee: (write: KnownWrite) => boolean,
): KnownWrite | undefined {
  const { operation, reading } = read;
  // An absent key may have been deleted after any of its writes.
  const mayBeDeleted = facts.deleteCalls.some((call) => call < operation.return);
  if (reading.value === undefined && mayBeDeleted) return undefined;
  return facts.writes.find((write) => write.revision > reading.revision && mustSee(write));
}

function describeRead({ client, object, input, level, bound, origin, callMs }: RecordedOperation): string {
  const cell = input.type === "read" ? input.cell : "";
  const asked = bound === undefined ? "" : `(${bound})`;
  return `client ${client} read {${object}}${cell} at ${level}${asked} at ${callMs.toFixed(0)} ms from node ${origin?.node}, as of revision ${origin?.revision}`;
}

/** What is wrong with one read, in words. */
function* faultsOf(operation: RecordedOperation, reading: CellReading, facts: KeyFacts): Iterable<Violation> {
  const { level, bound = 0, origin, callMs } = operation;
  const { value, revision } = reading;
  const found = `${describeRead(operation)}: found ${value ?? "nothing"} of revision ${revision}`;
  if (value !== undefined) {
    const source = facts.sent.get(value);
    if (source === undefined || source.call > operation.return)
      yield { check: "values come from writes", report: `${found}, which nobody had written` };
    else if (source.outcome === "NOT_APPLIED")
      yield { check: "NOT_APPLIED is a fact", report: `${found}, whose write was reported as NOT_APPLIED` };
  }
  const asOf = origin?.revision ?? 0;
  const read = { operation, reading };
  const skipped = missedWrite(facts, read, (write) => write.revision <= asOf);
  if (skipped !== undefined)
    yield {
      check: "a read shows its revision",
      report: `${found}, but ${skipped.value} was written at ${skipped.revision}`,
    };
  if (level === "at-least" && asOf < bound)
    yield { check: "AT_LEAST", report: `${found}, which is older than asked` };
  if (level === "bounded") {
    const missed = missedWrite(facts, read, (write) => write.returnMs < callMs - bound);
    if (missed !== undefined)
      yield {
        check: "BOUNDED",
        report: `${found}, but ${missed.value} (revision ${missed.revision}) was acknowledged ${(callMs - missed.returnMs).toFixed(0)} ms before`,
      };
  }
}

export function checkReadLevels(operations: readonly RecordedOperation[]): Violation[] {
  const facts = collectFacts(operations);
  const violations: Violation[] = [];
  for (const operation of operations) {
    const { input, output, object } = operation;
    if (input.type !== "read" || output?.type !== "read") continue;
    const known = facts.get(`${object}|${input.cell}`) ?? { writes: [], deleteCalls: [], sent: new Map() };
    violations.push(...faultsOf(operation, output.reading, known));
  }
  return violations;
}
