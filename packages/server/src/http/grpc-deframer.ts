/** Bytes before each message of a gRPC stream: a flag for compression and the length, big-endian. */
export const grpcPrefixBytes = 5;

/** Why a stream's bytes cannot be read any further. */
export type GrpcFramingFault =
  | { readonly kind: "too-large"; readonly bytes: number }
  | { readonly kind: "compressed" }
  | { readonly kind: "reserved-flag" };

/** Receives each message as `[start, end)` of a buffer that is not written to afterwards. */
export type MessageVisitor = (buffer: Buffer, start: number, end: number) => void;

/**
 * Cuts a stream of bytes into gRPC messages. A message that lies whole in a chunk, the usual case, is visited in place;
 * one that is spread over chunks is put together once it is complete, so that a length alone never makes the reader
 * allocate: what a sender can occupy is what it has sent, and no more than the largest message.
 */
export class GrpcDeframer {
  readonly #maxMessageBytes: number;
  /** Chunks of the message that is not complete yet, prefix included. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  /** Length of that message with its prefix; 0 while the prefix is not complete. */
  #wantedBytes = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether the stream may end here without cutting a message in two. */
  get atBoundary(): boolean {
    return this.#partBytes === 0;
  }

  /** Visits every message that `chunk` completes. After a fault the deframer must not be used again. */
  push(chunk: Buffer, visit: MessageVisitor): GrpcFramingFault | undefined {
    let position = 0;
    if (this.#partBytes > 0) {
      position = this.#fill(chunk, visit);
      if (position < 0) return this.#fault(Buffer.concat(this.#parts), 0);
    }
    while (chunk.length - position >= grpcPrefixBytes) {
      const fault = this.#fault(chunk, position);
      if (fault !== undefined) return fault;
      const start = position + grpcPrefixBytes;
      const end = start + chunk.readUInt32BE(position + 1);
      if (end > chunk.length) break;
      visit(chunk, start, end);
      position = end;
    }
    if (position < chunk.length) this.#keep(position === 0 ? chunk : chunk.subarray(position));
    return undefined;
  }

  #fault(buffer: Buffer, position: number): GrpcFramingFault | undefined {
    const flag = buffer[position];
    if (flag === 1) return { kind: "compressed" };
    if (flag !== 0) return { kind: "reserved-flag" };
    const bytes = buffer.readUInt32BE(position + 1);
    if (bytes > this.#maxMessageBytes) return { kind: "too-large", bytes };
    return undefined;
  }

  /** Completes the message under way if it can; returns how much of the chunk it took, or -1 when its prefix is bad. */
  #fill(chunk: Buffer, visit: MessageVisitor): number {
    let taken = 0;
    if (this.#wantedBytes === 0) {
      taken = Math.min(grpcPrefixBytes - this.#partBytes, chunk.length);
      this.#keep(chunk.subarray(0, taken));
      if (this.#partBytes < grpcPrefixBytes) return taken;
      if (this.#wantedBytes < 0) return -1;
    }
    const rest = Math.min(this.#wantedBytes - this.#partBytes, chunk.length - taken);
    if (rest > 0) this.#keep(chunk.subarray(taken, taken + rest));
    if (this.#partBytes === this.#wantedBytes) {
      const message = Buffer.concat(this.#parts, this.#partBytes);
      this.#parts = [];
      this.#partBytes = 0;
      this.#wantedBytes = 0;
      visit(message, grpcPrefixBytes, message.length);
    }
    return taken + rest;
  }

  #keep(part: Buffer): void {
    this.#parts.push(part);
    this.#partBytes += part.length;
    if (this.#wantedBytes !== 0 || this.#partBytes < grpcPrefixBytes) return;
    if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts)];
    const prefix = this.#parts[0]!;
    this.#wantedBytes = this.#fault(prefix, 0) === undefined ? grpcPrefixBytes + prefix.readUInt32BE(1) : -1;
  }
}
