/** Bounds of the connections between nodes. Every field has a default in `defaultPeerLimits`. */
export interface PeerLimits {
  /** Largest frame, in bytes. A larger one is not sent, and one that arrives closes its connection. Default 16 MiB. */
  readonly maxFrameBytes: number;
  /** What may wait for one node, in bytes; frames beyond it are refused. Default 64 MiB. */
  readonly maxQueueBytes: number;
  /** Connections open at once on the peer port. Default 1024. */
  readonly maxConnections: number;
  /** From the first attempt to the end of the handshake, in milliseconds. Default 3 s. */
  readonly connectTimeoutMs: number;
  /** How often a node asks the other side for a sign of life, in milliseconds. Default 1 s. */
  readonly pingIntervalMs: number;
  /** A connection whose ping is unanswered for this long is cut, in milliseconds. Default 4 s. */
  readonly pingTimeoutMs: number;
  /** A connection on which nothing arrived for this long is cut by the receiver, in milliseconds. Default 15 s. */
  readonly silenceTimeoutMs: number;
  /** Wait before the first new attempt after a connection failed, in milliseconds; doubles each time. Default 50 ms. */
  readonly minBackoffMs: number;
  /** Longest wait between attempts, in milliseconds. Default 2 s. */
  readonly maxBackoffMs: number;
  /** Wait after the other side refused, in milliseconds: it will hardly think otherwise soon. Default 10 s. */
  readonly refusedBackoffMs: number;
}

export const defaultPeerLimits: PeerLimits = {
  maxFrameBytes: 16 * 1024 * 1024,
  maxQueueBytes: 64 * 1024 * 1024,
  maxConnections: 1024,
  connectTimeoutMs: 3000,
  pingIntervalMs: 1000,
  pingTimeoutMs: 4000,
  silenceTimeoutMs: 15_000,
  minBackoffMs: 50,
  maxBackoffMs: 2000,
  refusedBackoffMs: 10_000,
};
