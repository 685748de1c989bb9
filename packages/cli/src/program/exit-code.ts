/**
 * What the program's exit code says. Scripts rely on these numbers: a number keeps its meaning for ever, new ones are added.
 */
export const ExitCode = {
  Ok: 0,
  Defect: 1,
  Usage: 2,
  NotFound: 3,
  ConditionFailed: 4,
  Unreachable: 5,
  Unavailable: 6,
  OutcomeUnknown: 7,
  Refused: 8,
  Rejects: 9,
  NoSpace: 10,
  NotAllowed: 11,
  Local: 12,
  Unhealthy: 13,
  Interrupted: 130,
  Terminated: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The meaning of each code, for `titan help exit-codes` and the documentation. */
export const exitCodeMeanings: readonly (readonly [ExitCode, string])[] = [
  [ExitCode.Ok, "done"],
  [ExitCode.Defect, "a defect of this program; run again with --debug and report what it prints"],
  [ExitCode.Usage, "wrong command, flag, argument or configuration; nothing was done"],
  [ExitCode.NotFound, "the key does not exist"],
  [ExitCode.ConditionFailed, "the condition of a write or transaction did not hold; nothing was written"],
  [ExitCode.Unreachable, "no node of the cluster could be reached; nothing was done"],
  [
    ExitCode.Unavailable,
    "the cluster cannot do it now (no leader, overloaded, too stale); not applied, try again",
  ],
  [
    ExitCode.OutcomeUnknown,
    "no answer in time: a write may or may not have been applied; read the key to find out",
  ],
  [
    ExitCode.Refused,
    "the cluster refused the request as it is (too large a value, keys of two shards); not applied",
  ],
  [
    ExitCode.Rejects,
    "finished, and some records were rejected; the rejects file has their lines and reasons",
  ],
  [ExitCode.NoSpace, "a disk is full; writes are refused until space is made, reads and deletes work"],
  [ExitCode.NotAllowed, "the cluster's state forbids it (removed node, too few nodes left, moved meanwhile)"],
  [ExitCode.Local, "something on this machine failed: a file, a directory in use, a port that is taken"],
  [ExitCode.Unhealthy, "doctor found something that needs attention"],
  [ExitCode.Interrupted, "interrupted (Ctrl-C); what was done before stays done"],
  [ExitCode.Terminated, "ended by SIGTERM before it was finished"],
];
