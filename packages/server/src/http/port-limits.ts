/** What one port allows before it refuses. Every field has a default in `defaultPortLimits`. */
export interface PortLimits {
  /** Connections open at once; further ones are closed before a byte is read. Default 4096. */
  readonly maxConnections: number;
  /** Largest message of a request, in bytes, after decompression. Default 4 MiB. */
  readonly maxRequestBytes: number;
  /** Largest block of request headers, in bytes. Default 16 KiB. */
  readonly maxHeaderBytes: number;
  /** Requests and streams under way at once on one HTTP/2 connection. Default 1024. */
  readonly maxStreamsPerConnection: number;
  /**
   * How much a stream may have waiting to be sent before the port stops reading from it, in bytes: a client that asks
   * and does not listen stops itself, not the server. Default 1 MiB.
   */
  readonly maxStreamBacklogBytes: number;
  /** From the connection to its first bytes, and from there to complete headers, in milliseconds. Default 10 s. */
  readonly headersTimeoutMs: number;
  /** From the first byte to the last of a request that is not a stream, in milliseconds. Default 60 s. */
  readonly requestTimeoutMs: number;
  /**
   * A connection without a request under way is closed after this time, in milliseconds. Default 30 min: longer than the
   * 15 min after which clients of the RPC library leave by themselves, since some releases of it end their process when
   * the server is first (connectrpc/connect-es #1768).
   */
  readonly idleTimeoutMs: number;
  /** A quiet HTTP/2 connection is asked for a sign of life after this time, in milliseconds. Default 30 s. */
  readonly pingIntervalMs: number;
  /** A connection that gave no sign of life for this long after being asked is cut, in milliseconds. Default 15 s. */
  readonly pingTimeoutMs: number;
}

export const defaultPortLimits: PortLimits = {
  maxConnections: 4096,
  maxRequestBytes: 4 * 1024 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxStreamsPerConnection: 1024,
  maxStreamBacklogBytes: 1024 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  idleTimeoutMs: 30 * 60_000,
  pingIntervalMs: 30_000,
  pingTimeoutMs: 15_000,
};
