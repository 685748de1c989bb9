/** Any error as one line with the next step, and an exit code. */
import { Code, ConnectError } from "@connectrpc/connect";
import { TitanError } from "@titan-kv/client";
import { ErrorInfoSchema, Outcome, Reason } from "@titan-kv/proto";
import { inspect } from "node:util";
import { CliError, type CliErrorCode, localError } from "./cli-error.ts";
import { ExitCode } from "./exit-code.ts";

/** What is printed, and what the process ends with. */
export interface Failure {
  readonly exitCode: ExitCode;
  readonly line: string;
}

const tryLater = "try again; `titan status` shows which shards have a leader";
const readBack = "it may have been applied: read the key before you write it again";

/** What to do next, by what went wrong, where the error does not say. */
const defaultSteps: Partial<Record<CliErrorCode, string>> = {
  UNREACHABLE: "start a cluster with `titan dev`, or name a node with --endpoint host:port",
  UNAVAILABLE: tryLater,
  OUTCOME_UNKNOWN: readBack,
  NO_SPACE: "make room on the disk; deletes and reads still work",
};

function codeOfClientError(error: TitanError): CliErrorCode | undefined {
  switch (error.code) {
    case "ABORTED":
      return "INTERRUPTED";
    case "CORRUPT":
    case "LEADER_CHANGED":
    case "NOT_LEADER":
    case "OVERLOADED":
    case "SLOT_MOVING":
    case "STALE":
    case "UNAVAILABLE":
    case "WRONG_SHARD":
    case "DEADLINE_EXCEEDED":
    case "SESSION_EXPIRED":
      return error.outcome === "UNKNOWN" ? "OUTCOME_UNKNOWN" : "UNAVAILABLE";
    case "CROSS_SHARD":
    case "INVALID_ARGUMENT":
    case "OUT_OF_RANGE":
    case "UNIMPLEMENTED":
      return "REFUSED";
    case "FAILED_PRECONDITION":
    case "PERMISSION_DENIED":
      return "NOT_ALLOWED";
    case "NO_SPACE":
      return "NO_SPACE";
    case "CLOSED":
    case "DECODE_FAILED":
    case "INTERNAL":
      return undefined;
  }
}

function codeOfStatus(code: Code): CliErrorCode | undefined {
  switch (code) {
    case Code.Unavailable:
      return "UNREACHABLE";
    case Code.DeadlineExceeded:
      return "OUTCOME_UNKNOWN";
    case Code.Canceled:
      return "INTERRUPTED";
    case Code.InvalidArgument:
    case Code.OutOfRange:
    case Code.Unimplemented:
      return "REFUSED";
    case Code.FailedPrecondition:
    case Code.PermissionDenied:
    case Code.Unauthenticated:
      return "NOT_ALLOWED";
    case Code.ResourceExhausted:
    case Code.Aborted:
      return "UNAVAILABLE";
    case Code.Unknown:
    case Code.NotFound:
    case Code.AlreadyExists:
    case Code.Internal:
    case Code.DataLoss:
      return undefined;
  }
}

function codeOfCallError(error: ConnectError): CliErrorCode | undefined {
  const [info] = error.findDetails(ErrorInfoSchema);
  if (info === undefined) return codeOfStatus(error.code);
  if (info.reason === Reason.NO_SPACE) return "NO_SPACE";
  const code = codeOfStatus(error.code);
  if (code !== "UNREACHABLE" && code !== "OUTCOME_UNKNOWN") return code;
  return info.outcome === Outcome.NOT_APPLIED ? "UNAVAILABLE" : "OUTCOME_UNKNOWN";
}

/** Errors of the file system name the file and say what is wrong with it; that is all a user needs. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "code" in error;
}

/** The error as one that knows its exit code; `undefined` for a defect of this program. */
export function toCliError(error: unknown): CliError | undefined {
  if (error instanceof CliError) return error;
  if (error instanceof TitanError) {
    const code = codeOfClientError(error);
    return code && new CliError(code, error.message, { cause: error, nextStep: defaultSteps[code] });
  }
  if (error instanceof ConnectError) {
    const code = codeOfCallError(error);
    return code && new CliError(code, error.rawMessage, { cause: error, nextStep: defaultSteps[code] });
  }
  if (isSystemError(error)) {
    const isFull = error.code === "ENOSPC" || error.code === "EDQUOT";
    return isFull
      ? new CliError("NO_SPACE", `this machine's disk is full: ${error.message}`, {
          cause: error,
          nextStep: "make room and run the command again",
        })
      : localError(error.message, error);
  }
  return undefined;
}

/** What to print about an error. */
export function describeFailure(error: unknown): Failure {
  const known = toCliError(error);
  if (known === undefined) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return {
      exitCode: ExitCode.Defect,
      line: `titan: ${message}; this looks like a defect: run again with --debug and report it`,
    };
  }
  const step = known.nextStep ?? defaultSteps[known.code];
  return {
    exitCode: known.exitCode,
    line: step === undefined ? `titan: ${known.message}` : `titan: ${known.message}; ${step}`,
  };
}

/** Everything that is known about an error, for `--debug`. */
export function debugText(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined; at = at instanceof Error ? at.cause : undefined) {
    parts.push(at instanceof Error ? (at.stack ?? String(at)) : inspect(at));
  }
  return parts.join("\ncaused by ");
}
