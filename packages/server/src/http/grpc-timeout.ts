const millisecondsPerUnit: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** Longest time that Node's timers take; a longer timeout is as good as none. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * The time a `grpc-timeout` header leaves, in milliseconds, rounded up; `undefined` without a header, or with one that
 * is too long to matter; `NaN` when it is not a timeout.
 */
export function grpcTimeoutMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const match = /^(\d{1,8})([HMSmun])$/.exec(header);
  if (match === null) return Number.NaN;
  const timeoutMs = Math.ceil(Number(match[1]) * (millisecondsPerUnit[match[2]!] ?? Number.NaN));
  return timeoutMs > maxTimerMs ? undefined : timeoutMs;
}
