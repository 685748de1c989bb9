/** What a check found. */
export interface Finding {
  readonly check: string;
  readonly verdict: "ok" | "warning" | "problem";
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string | undefined;
}

/** All is well. */
export function ok(check: string, message: string): Finding {
  return { check, verdict: "ok", message };
}

/** It works, and may not for long. */
export function warning(check: string, message: string, advice: string): Finding {
  return { check, verdict: "warning", message, advice };
}

/** It does not work. */
export function problem(check: string, message: string, advice: string): Finding {
  return { check, verdict: "problem", message, advice };
}
