/**
 * What an object does when it is used by one client at a time. Linearizable means: there is an order of the operations, in
 * agreement with time, in which this model gives the same answers (Herlihy and Wing, 1990).
 */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /**
   * The state after an operation with this output; undefined when it could not have had this output in this state. Without
   * an output any will do.
   */
  step(state: State, input: Input, output: Output | undefined): { readonly state: State } | undefined;
  /** A text that is the same for equal states only. */
  keyOf(state: State): string;
  /** The operation as a person would write it. */
  describe(input: Input, output: Output | undefined): string;
}
