import {
  checkPartitioned,
  type RegisterInput,
  registerModel,
  type RegisterOutput,
  type Verdict,
} from "../linearizability/index.ts";
import type { Operation } from "../linearizability/index.ts";

type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

/** An operation under way. */
export interface OpenOperation {
  /** It happened, with this answer. */
  applied(output: RegisterOutput): void;
  /** It did not happen and never will. */
  dropped(): void;
  /** Nobody knows. */
  unknown(): void;
}

/** What the clients of a simulation did and saw, register by register. */
export class History {
  readonly #byKey = new Map<string, Set<RegisterOperation>>();
  #clock = 0;
  #applied = 0;
  #unknown = 0;

  /** How many operations are known to have happened, and of how many nobody knows. */
  get counts(): { readonly applied: number; readonly unknown: number } {
    return { applied: this.#applied, unknown: this.#unknown };
  }

  begin(client: number, key: string, input: RegisterInput): OpenOperation {
    this.#clock += 1;
    const open: RegisterOperation = { client, input, call: this.#clock };
    const operations = this.#byKey.get(key) ?? new Set<RegisterOperation>();
    this.#byKey.set(key, operations.add(open));
    return {
      applied: (output) => {
        this.#clock += 1;
        this.#applied += 1;
        operations.delete(open);
        operations.add({ ...open, result: { output, return: this.#clock } });
      },
      dropped: () => operations.delete(open),
      // It stays open: it may happen at any later time. A read of which nobody heard does not matter.
      unknown: () => {
        this.#unknown += 1;
        if (input.type === "read") operations.delete(open);
      },
    };
  }

  check(): Verdict {
    const histories = new Map([...this.#byKey].map(([key, operations]) => [key, [...operations]]));
    return checkPartitioned(registerModel, histories, { maxSteps: 1_000_000 });
  }
}
