/** Where an answer comes from. Shared between the answers that came together: do not change it. */
export interface Origin {
  /** The shard (Raft group) that owns the key. */
  readonly shard: number;
  /** Version of the slot table under which the shard served the request. */
  readonly epoch: number;
  /** Raft term of the shard when it served the request. */
  readonly term: number;
  /** The shard's write counter: of this write for a write, as of the state that was read for a read. */
  readonly revision: number;
  /** The node that served the request. */
  readonly node: number;
}

/** Of an answer that does not say. */
export const unknownOrigin: Origin = { shard: 0, epoch: 0, term: 0, revision: 0, node: 0 };
