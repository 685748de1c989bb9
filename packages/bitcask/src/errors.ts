/**
 * Every way an operation can fail, by name. Codes are stable across minor versions; messages are not.
 * The README lists what each one means and what to do next.
 */
export type BitcaskErrorCode =
  | "BATCH_TOO_LARGE"
  | "BUSY"
  | "CANCELLED"
  | "CLOSED"
  | "CONDITION_FAILED"
  | "CORRUPT"
  | "CORRUPT_MANIFEST"
  | "DIRECTORY_MISSING"
  | "EXPORT_INVALID"
  | "INVALID_ARGUMENT"
  | "IO_ERROR"
  | "KEY_TOO_LARGE"
  | "LOCKED"
  | "META_TOO_LARGE"
  | "MISSING_FILE"
  | "NOT_A_STORE"
  | "NOT_EMPTY"
  | "NOT_ORDERED"
  | "NO_SPACE"
  | "READ_ONLY"
  | "READ_ONLY_FILE_SYSTEM"
  | "SYNC_FAILED"
  | "TOO_MANY_OPEN_FILES"
  | "UNSUPPORTED_FORMAT"
  | "VALUE_TOO_LARGE"
  | "WRITES_STOPPED";

/** What is known about a write that failed. Absent on errors that are not about a write. */
export type WriteOutcome = "not-applied" | "unknown";

/** Where the trouble is, as far as it is known. */
export interface BitcaskErrorDetails {
  /** Name of the file inside the store's directory. */
  readonly file?: string;
  /** Byte offset in that file. */
  readonly offset?: number;
  /** The key the caller asked for or the record holds; a copy. */
  readonly key?: Uint8Array;
  /** `not-applied`: the write is certainly not in the store; `unknown`: it may appear after the next open. */
  readonly outcome?: WriteOutcome;
  /** The system error underneath, kept for logs. */
  readonly cause?: unknown;
}

/** The one error class of this package. Switch on {@link BitcaskError.code}. */
export class BitcaskError extends Error {
  readonly code: BitcaskErrorCode;
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly key: Uint8Array | undefined;
  readonly outcome: WriteOutcome | undefined;

  constructor(code: BitcaskErrorCode, message: string, details: BitcaskErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "BitcaskError";
    this.code = code;
    this.file = details.file;
    this.offset = details.offset;
    this.key = details.key;
    this.outcome = details.outcome;
  }
}

/** The `code` of a Node system error such as `ENOSPC`, or `undefined` for anything else. */
export function systemCodeOf(error: unknown): string | undefined {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return undefined;
}

/**
 * Turns what the file system threw into a {@link BitcaskError} that says what to do next. An error that already is
 * one passes through, so that the innermost description wins.
 */
export function wrapSystemError(
  error: unknown,
  doing: string,
  details: BitcaskErrorDetails = {},
): BitcaskError {
  if (error instanceof BitcaskError) return error;
  const withCause = { ...details, cause: error };
  const reason = error instanceof Error ? error.message : String(error);
  switch (systemCodeOf(error) ?? "unknown") {
    case "ENOSPC":
    case "EDQUOT":
      return new BitcaskError(
        "NO_SPACE",
        `${doing}: the disk is full. Make space, then call resume(). (${reason})`,
        withCause,
      );
    case "EROFS":
      return new BitcaskError(
        "READ_ONLY_FILE_SYSTEM",
        `${doing}: the file system is read-only. Open the store with { readOnly: true }. (${reason})`,
        withCause,
      );
    case "EMFILE":
    case "ENFILE":
      return new BitcaskError(
        "TOO_MANY_OPEN_FILES",
        `${doing}: no file descriptor is left. Raise the process limit or lower maxOpenFiles. (${reason})`,
        withCause,
      );
    default:
      return new BitcaskError("IO_ERROR", `${doing}: ${reason}`, withCause);
  }
}
