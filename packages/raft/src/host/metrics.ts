/** What the host counts. Each only grows. */
export type CounterName =
  | "turns"
  | "proposals"
  | "proposalsDropped"
  | "proposalsUnknown"
  | "entriesApplied"
  | "reads"
  | "readsFailed"
  | "framesSent"
  | "frameBytesSent"
  | "framesReceived"
  | "frameBytesReceived"
  | "framesUnsent"
  | "framesDropped"
  | "messagesDropped"
  | "logBatches"
  | "elections"
  | "leaderChanges"
  | "suspensions"
  | "diskStalls"
  | "snapshotsTaken"
  | "snapshotsSent"
  | "snapshotsReceived"
  | "snapshotsFailed"
  | "snapshotBytesSent"
  | "compactions"
  | "promotions"
  | "groupFailures";

/** What the host measures: durations in milliseconds, sizes in bytes, or plain numbers. */
export type HistogramName = "turnMs" | "logWriteMs" | "proposalMs" | "readMs" | "applyMs" | "batchGroups";

/** Where the host reports what it does. Called on the hot path: an implementation adds a number and returns. */
export interface Metrics {
  count(name: CounterName, by: number): void;
  observe(name: HistogramName, value: number): void;
}

/** Reports nothing. */
export const noMetrics: Metrics = { count: () => undefined, observe: () => undefined };
