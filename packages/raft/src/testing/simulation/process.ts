import type { ConfChange } from "../../index.ts";
import type { RegisterAnswer } from "./register-machine.ts";

/** What became of a command: it was applied, it never will be, or nobody knows. */
export type Outcome =
  | { readonly status: "applied"; readonly answer: RegisterAnswer }
  | { readonly status: "dropped" }
  | { readonly status: "unknown" };

/** What an operator, or misfortune, may ask of a process at any time. */
export type Disturbance = "stepDown" | "campaign" | "forgetLeader" | "reportUnreachable";

/** A process of the simulation, as its clients and the nemesis see it. */
export interface SimulatedProcess {
  readonly id: number;
  readonly up: boolean;
  /** Whether it believes that it leads. */
  readonly leads: boolean;
  start(): void;
  /** Dies. With `powerLost` also what was written and not synced goes. */
  crash(options: { readonly powerLost: boolean }): void;
  /** Stands still; what arrives waits. */
  pause(durationMs: number): void;
  /** Proposes an encoded command for a register. `done` is called at most once. */
  propose(key: string, data: Uint8Array, done: (outcome: Outcome) => void): void;
  /** `done` is given what the register holds, nothing when the read cannot be answered. */
  read(key: string, done: (value: string | undefined) => void): void;
  change(change: ConfChange): void;
  transfer(target: number): void;
  disturb(kind: Disturbance): void;
}
