/** How long an operation waits before its next attempt. */
export interface BackoffOptions {
  /** Upper bound of the first wait, in milliseconds. Default 10. */
  readonly baseMs: number;
  /** Upper bound of every wait, in milliseconds. Default 1000. */
  readonly maxMs: number;
}

export const defaultBackoff: BackoffOptions = { baseMs: 10, maxMs: 1000 };

/** Doublings after which the bound cannot matter any more, so that the power stays finite. */
const maxDoublings = 20;

/**
 * The wait after `failures` attempts in a row: a random time in the upper half of a bound that doubles. Random, so that
 * callers that failed together do not come back together; not below half, so that the wait is one.
 *
 * @param random a number in [0, 1).
 */
export function backoffMs(failures: number, options: BackoffOptions, random: () => number): number {
  const doublings = Math.min(Math.max(failures - 1, 0), maxDoublings);
  const bound = Math.min(options.maxMs, options.baseMs * 2 ** doublings);
  return bound * (0.5 + random() / 2);
}
