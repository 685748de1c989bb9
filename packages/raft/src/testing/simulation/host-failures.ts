// What the errors of a host mean to those around it.

import { RaftError } from "../../index.ts";
import type { Outcome } from "./process.ts";
import type { RegisterAnswer } from "./register-machine.ts";

/** What became of a command, as its client sees it. */
export async function outcomeOf(proposal: Promise<RegisterAnswer>): Promise<Outcome> {
  try {
    return { status: "applied", answer: await proposal };
  } catch (error) {
    return { status: isCertain(error) ? "dropped" : "unknown" };
  }
}

/** Whether the error says that something durable is not what it was. */
export function isDamage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (error instanceof RaftError && error.code === "CORRUPT") || isDamage(error.cause);
}

/** Whether the simulated disk is behind it. */
export function isDiskError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.message.includes("simulated") || isDiskError(error.cause);
}

/** Whether the error says that nothing was done. */
function isCertain(error: unknown): boolean {
  return (
    error instanceof RaftError &&
    (error.code === "DROPPED" || error.code === "NOT_LEADER" || error.code === "CLOSED")
  );
}
