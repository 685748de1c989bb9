import type { Model } from "./model.ts";
import type { Operation } from "./operation.ts";

/** How many operations of each kind a report shows. */
const shownOperations = 12;

/** A place in the search. */
export interface Stuck<State, Input, Output> {
  readonly order: readonly Operation<Input, Output>[];
  readonly rest: readonly Operation<Input, Output>[];
  readonly state: State;
}

/** The furthest that the search got: what it could place, and what it could not. */
export function describeViolation<State, Input, Output>(
  model: Model<State, Input, Output>,
  stuck: Stuck<State, Input, Output>,
): string {
  const line = ({ client, input, call, result }: Operation<Input, Output>): string => {
    const end = result === undefined ? "?" : String(result.return);
    return `  [${call}, ${end}] client ${client}: ${model.describe(input, result?.output)}`;
  };
  const placed = stuck.order.slice(-shownOperations);
  const open = stuck.rest.slice(0, shownOperations);
  return [
    `no order of the operations agrees with time and with the answers.`,
    `The longest order that does has ${stuck.order.length} operations and ends with:`,
    ...placed.map((operation) => line(operation)),
    `Then the state is ${model.keyOf(stuck.state) === "" ? "(empty)" : model.keyOf(stuck.state)}, and none of these fits:`,
    ...open.map((operation) => line(operation)),
  ].join("\n");
}
