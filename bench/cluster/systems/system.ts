/** A system that runs and can be driven. */
export interface RunningSystem {
  /** `host:port` of every server, for clients. */
  readonly endpoints: readonly string[];
  readonly pids: readonly number[];
  /** Ends every server. Data are removed with the directory of the run. */
  stop(): Promise<void>;
}

/** Time in which a system must come up, in milliseconds. */
export const startLimitMs = 60_000;
