/**
 * The object whose histories are checked: two registers, named a and b, that share a shard and can be changed together.
 *
 * Every value is written once, so a value says which write it comes from. Revisions are checked along the way: a write's
 * revision is higher than that of whatever it replaced, and a read tells the revision that the write was given.
 */
import type { Model } from "@titan-kv/raft/testing";

export type CellName = "a" | "b";

/** What can be done with one. `undefined` stands for an absent key. */
export type ObjectInput =
  | { readonly type: "read"; readonly cell: CellName }
  | { readonly type: "put"; readonly cell: CellName; readonly value: string }
  | { readonly type: "delete"; readonly cell: CellName }
  /** Write only over `expected`. */
  | {
      readonly type: "compareAndSet";
      readonly cell: CellName;
      readonly expected: string | undefined;
      readonly value: string;
    }
  /** If `cell` holds `expected`, write both; else read both. */
  | {
      readonly type: "txn";
      readonly cell: CellName;
      readonly expected: string | undefined;
      readonly values: Readonly<Record<CellName, string>>;
    };

/** What was read of a key: revision 0 with no value. */
export interface CellReading {
  readonly value: string | undefined;
  readonly revision: number;
}

/** The answer, by the kind of the operation. */
export type ObjectOutput =
  | { readonly type: "read"; readonly reading: CellReading }
  | { readonly type: "written"; readonly revision: number; readonly existed: boolean }
  | { readonly type: "deleted"; readonly existed: boolean }
  | { readonly type: "compared"; readonly applied: boolean; readonly revision: number }
  | { readonly type: "txn"; readonly succeeded: true; readonly revisions: Readonly<Record<CellName, number>> }
  | {
      readonly type: "txn";
      readonly succeeded: false;
      readonly readings: Readonly<Record<CellName, CellReading>>;
    };

interface Cell {
  readonly value: string | undefined;
  /** The revision of the value; where nobody was told, one that it is greater than. */
  readonly revision: number;
  readonly isExact: boolean;
}

export type ObjectState = Readonly<Record<CellName, Cell>>;

type Next = { readonly state: ObjectState } | undefined;

function withCell(state: ObjectState, name: CellName, cell: Cell): Next {
  return { state: name === "a" ? { a: cell, b: state.b } : { a: state.a, b: cell } };
}

function write(
  state: ObjectState,
  name: CellName,
  fields: { value: string; revision?: number | undefined },
): Next {
  const before = state[name];
  const { value, revision } = fields;
  if (revision === undefined)
    return withCell(state, name, { value, revision: before.revision, isExact: false });
  return revision > before.revision ? withCell(state, name, { value, revision, isExact: true }) : undefined;
}

/** The state after a reading: it may tell a revision that was not known. */
function observe(state: ObjectState, name: CellName, { value, revision }: CellReading): Next {
  const cell = state[name];
  if (value !== cell.value) return undefined;
  if (value === undefined) return { state };
  if (cell.isExact) return revision === cell.revision ? { state } : undefined;
  return revision > cell.revision ? withCell(state, name, { value, revision, isExact: true }) : undefined;
}

function remove(state: ObjectState, name: CellName): Next {
  const cell = state[name];
  return cell.value === undefined
    ? { state }
    : withCell(state, name, { value: undefined, revision: cell.revision, isExact: false });
}

type InputOf<Type extends ObjectInput["type"]> = Extract<ObjectInput, { readonly type: Type }>;

function compareAndSet(
  state: ObjectState,
  input: InputOf<"compareAndSet">,
  output: ObjectOutput | undefined,
): Next {
  const { cell, expected, value } = input;
  const holds = state[cell].value === expected;
  if (output === undefined) return holds ? write(state, cell, { value }) : { state };
  if (output.type !== "compared" || output.applied !== holds) return undefined;
  if (holds) return write(state, cell, { value, revision: output.revision });
  return observe(state, cell, { value: state[cell].value, revision: output.revision });
}

function transact(state: ObjectState, input: InputOf<"txn">, output: ObjectOutput | undefined): Next {
  const { cell, expected, values } = input;
  const holds = state[cell].value === expected;
  if (output !== undefined && (output.type !== "txn" || output.succeeded !== holds)) return undefined;
  if (output?.type === "txn" && !output.succeeded) {
    const first = observe(state, "a", output.readings.a);
    return first === undefined ? undefined : observe(first.state, "b", output.readings.b);
  }
  if (!holds) return { state };
  const revisions = output?.type === "txn" && output.succeeded ? output.revisions : undefined;
  const first = write(state, "a", { value: values.a, revision: revisions?.a });
  if (first === undefined) return undefined;
  return write(first.state, "b", { value: values.b, revision: revisions?.b });
}

function step(state: ObjectState, input: ObjectInput, output: ObjectOutput | undefined): Next {
  switch (input.type) {
    case "read":
      return output?.type === "read" ? observe(state, input.cell, output.reading) : { state };
    case "put": {
      if (output === undefined) return write(state, input.cell, { value: input.value });
      if (output.type !== "written" || output.existed !== (state[input.cell].value !== undefined))
        return undefined;
      return write(state, input.cell, { value: input.value, revision: output.revision });
    }
    case "delete":
      if (output?.type === "deleted" && output.existed !== (state[input.cell].value !== undefined))
        return undefined;
      return remove(state, input.cell);
    case "compareAndSet":
      return compareAndSet(state, input, output);
    case "txn":
      return transact(state, input, output);
  }
}

function named(value: string | undefined): string {
  return value ?? "nothing";
}

function keyOfCell({ value, revision, isExact }: Cell): string {
  return `${named(value)}@${isExact ? "" : ">"}${revision}`;
}

function describeInput(input: ObjectInput): string {
  switch (input.type) {
    case "read":
      return `read ${input.cell}`;
    case "put":
      return `put ${input.cell} = ${input.value}`;
    case "delete":
      return `delete ${input.cell}`;
    case "compareAndSet":
      return `if ${input.cell} is ${named(input.expected)}, ${input.cell} = ${input.value}`;
    case "txn":
      return `if ${input.cell} is ${named(input.expected)}, a = ${input.values.a} and b = ${input.values.b}, else read both`;
  }
}

function describeOutput(output: ObjectOutput | undefined): string {
  if (output === undefined) return "nobody knows";
  switch (output.type) {
    case "read":
      return keyOfCell({ ...output.reading, isExact: true });
    case "written":
      return `revision ${output.revision}, ${output.existed ? "over another value" : "new"}`;
    case "deleted":
      return output.existed ? "deleted" : "it was absent";
    case "compared":
      return `${output.applied ? "applied" : "not so"}, revision ${output.revision}`;
    case "txn":
      return output.succeeded
        ? `applied, revisions ${output.revisions.a} and ${output.revisions.b}`
        : `not so, a = ${keyOfCell({ ...output.readings.a, isExact: true })}, b = ${keyOfCell({ ...output.readings.b, isExact: true })}`;
  }
}

const absent: Cell = { value: undefined, revision: 0, isExact: true };

export const objectModel: Model<ObjectState, ObjectInput, ObjectOutput> = {
  initial: { a: absent, b: absent },
  step,
  keyOf: ({ a, b }) => `a = ${keyOfCell(a)}, b = ${keyOfCell(b)}`,
  describe: (input, output) => `${describeInput(input)} → ${describeOutput(output)}`,
};
