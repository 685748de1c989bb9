import type { Model } from "./model.ts";

/** What can be done with a register. */
export type RegisterInput =
  | { readonly type: "read" }
  | { readonly type: "write"; readonly value: string }
  /** Write only if the register holds `expected`. */
  | { readonly type: "compareAndSet"; readonly expected: string; readonly value: string };

/** What was read; or whether it was written. */
export type RegisterOutput = string | boolean;

/** A register that holds a text, at first the empty one. */
export const registerModel: Model<string, RegisterInput, RegisterOutput> = {
  initial: "",
  step: (state, input, output) => {
    if (input.type === "read") return output === undefined || output === state ? { state } : undefined;
    if (input.type === "write") return { state: input.value };
    const matches = state === input.expected;
    if (output !== undefined && output !== matches) return undefined;
    return { state: matches ? input.value : state };
  },
  keyOf: (state) => state,
  describe: (input, output) => {
    const answer = output === undefined ? "?" : String(output === "" ? "nothing" : output);
    if (input.type === "read") return `read → ${answer}`;
    if (input.type === "write") return `write ${input.value}${output === undefined ? " → ?" : ""}`;
    return `compare ${input.expected === "" ? "nothing" : input.expected} and set ${input.value} → ${answer}`;
  },
};
