/**
 * One call of one client. `call` and `return` are moments in any unit, all different: an operation whose return comes before
 * another one's call happened before it.
 */
export interface Operation<Input, Output> {
  /** Who called, for the report. */
  readonly client: number;
  readonly input: Input;
  readonly call: number;
  /**
   * Absent when nobody knows what became of it: it may have happened at any moment after the call, or never. An operation
   * that is known not to have happened is simply left out of the history.
   */
  readonly result?: { readonly output: Output; readonly return: number };
}
