/** What a message between nodes is about; a byte on the wire. */
export const PeerChannel = {
  /** Frames of the raft host. */
  Raft: 0,
  /** Operations passed on to a leader: an encoded `PipelineRequest`. */
  Forward: 1,
  /** Their answers: an encoded `PipelineResponse`. */
  ForwardAnswer: 2,
  /** The shards that the sender leads. */
  Leadership: 3,
} as const;
export type PeerChannel = (typeof PeerChannel)[keyof typeof PeerChannel];
