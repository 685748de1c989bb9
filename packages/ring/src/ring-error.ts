/**
 * What went wrong, as a stable name. Messages may change between releases, codes do not.
 *
 * - `EMPTY_RING`: the change would leave a ring, or a slot table, without a single member.
 * - `DUPLICATE_MEMBER`: two members have the same id.
 * - `UNKNOWN_MEMBER`: the id named is not a member.
 * - `INVALID_MEMBER`: an id, a weight or a zone is not acceptable; `field` says which.
 * - `INVALID_KEY`: the key is neither a string nor a `Uint8Array`, or the string holds a lone surrogate.
 * - `INVALID_ARGUMENT`: another argument is out of its range; `field` says which.
 * - `LIMIT_EXCEEDED`: more members or points than the package supports.
 * - `STALE_MOVE`: a slot is not owned by the member that the move takes it from.
 * - `MALFORMED`: the value handed to `fromJSON` is not what `toJSON` writes; `field` says where.
 */
export type RingErrorCode =
  | "EMPTY_RING"
  | "DUPLICATE_MEMBER"
  | "UNKNOWN_MEMBER"
  | "INVALID_MEMBER"
  | "INVALID_KEY"
  | "INVALID_ARGUMENT"
  | "LIMIT_EXCEEDED"
  | "STALE_MOVE"
  | "MALFORMED";

/** Options of {@link RingError}. */
export interface RingErrorOptions extends ErrorOptions {
  /** Path of the offending part of the input, such as `members[3].weight`. */
  readonly field?: string | undefined;
}

/** The one error class of this package. Decide by `code`; `message` is for people. */
export class RingError extends Error {
  override readonly name = "RingError";
  readonly code: RingErrorCode;
  /** Path of the offending part of the input, such as `members[3].weight`; undefined when no part is to blame. */
  readonly field: string | undefined;

  constructor(code: RingErrorCode, message: string, options?: RingErrorOptions) {
    super(message, options);
    this.code = code;
    this.field = options?.field;
  }
}
