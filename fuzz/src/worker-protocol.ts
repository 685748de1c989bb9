/** What a thread is to do. */
export interface WorkerOrder {
  readonly target: string;
  readonly seed: number;
  /** The first input, and the one after the last. */
  readonly from: number;
  readonly to: number;
  /** One 32-bit number: the input under way. */
  readonly progress: SharedArrayBuffer;
}

/** What it says. */
export type WorkerReport =
  | { readonly type: "failure"; readonly index: number; readonly message: string }
  | {
      readonly type: "done";
      readonly accepted: number;
      readonly refused: number;
      readonly maxAllocatedBytes: number;
    };
