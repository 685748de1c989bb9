import { ExitCode } from "./exit-code.ts";

/** Why a command failed. */
export type CliErrorCode =
  | "USAGE"
  | "NOT_FOUND"
  | "CONDITION_FAILED"
  | "UNREACHABLE"
  | "UNAVAILABLE"
  | "OUTCOME_UNKNOWN"
  | "REFUSED"
  | "REJECTS"
  | "NO_SPACE"
  | "NOT_ALLOWED"
  | "LOCAL"
  | "UNHEALTHY"
  | "INTERRUPTED"
  | "TERMINATED";

const exitCodes: Readonly<Record<CliErrorCode, ExitCode>> = {
  USAGE: ExitCode.Usage,
  NOT_FOUND: ExitCode.NotFound,
  CONDITION_FAILED: ExitCode.ConditionFailed,
  UNREACHABLE: ExitCode.Unreachable,
  UNAVAILABLE: ExitCode.Unavailable,
  OUTCOME_UNKNOWN: ExitCode.OutcomeUnknown,
  REFUSED: ExitCode.Refused,
  REJECTS: ExitCode.Rejects,
  NO_SPACE: ExitCode.NoSpace,
  NOT_ALLOWED: ExitCode.NotAllowed,
  LOCAL: ExitCode.Local,
  UNHEALTHY: ExitCode.Unhealthy,
  INTERRUPTED: ExitCode.Interrupted,
  TERMINATED: ExitCode.Terminated,
};

/** A failure that a user can do something about: one line that says what is wrong, and what to do next. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: CliErrorCode;
  /** What to do about it; printed after the message. */
  readonly nextStep: string | undefined;

  constructor(
    code: CliErrorCode,
    message: string,
    options: { readonly nextStep?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.nextStep = options.nextStep;
  }

  get exitCode(): ExitCode {
    return exitCodes[this.code];
  }
}

/** A mistake on the command line. */
export function usageError(message: string, nextStep?: string): CliError {
  return new CliError("USAGE", message, { nextStep });
}

/** Something on this machine failed, such as a file. */
export function localError(message: string, cause?: unknown, nextStep?: string): CliError {
  return new CliError("LOCAL", message, { cause, nextStep });
}
