/** What the client checks before it sends anything, and how much it keeps. The nodes have limits of their own. */
export interface ClientLimits {
  /** Bytes of a key in UTF-8. Default 4096, as on the nodes. */
  readonly maxKeyBytes: number;
  /** Bytes of a value. Default 1 MiB, as on the nodes; raise it only together with theirs. */
  readonly maxValueBytes: number;
  /** Operations of one `batch`, keys of one `getMany`. Default 100,000. */
  readonly maxBatchOperations: number;
  /** Comparisons and operations of one transaction, as on the nodes. Default 1024. */
  readonly maxTxnOperations: number;
  /** Bytes of one transaction. Default 3 MiB, below the nodes' limit for a whole request. */
  readonly maxTxnBytes: number;
}

export const defaultLimits: ClientLimits = {
  maxKeyBytes: 4096,
  maxValueBytes: 1024 * 1024,
  maxBatchOperations: 100_000,
  maxTxnOperations: 1024,
  maxTxnBytes: 3 * 1024 * 1024,
};

/** A key may not expire later than this from now, as on the nodes: about 285 years. */
export const maxTtlMs = 9_000_000_000_000;

/** The longest time a timer can wait, in milliseconds. */
export const maxTimeoutMs = 2_147_483_647;
