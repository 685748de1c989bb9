/**
 * Cuts the bytes of a gRPC response into messages: each has a prefix of five bytes, a flag for compression and the length,
 * big-endian. Messages that lie whole in a chunk, nearly all, are visited in place.
 */

/** Bytes before each message of a gRPC stream. */
export const prefixBytes = 5;

/** The bytes are not the gRPC messages they should be. The stream cannot go on. */
export class FramingError extends Error {
  override readonly name = "FramingError";
}

/** Receives a message as `[start, end)` of a buffer that nobody writes to afterwards. */
export type VisitMessage = (buffer: Buffer, start: number, end: number) => void;

export class MessageDeframer {
  readonly #maxMessageBytes: number;
  readonly #visit: VisitMessage;
  /** The beginning of a message of which the rest has not arrived. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  /** Bytes at which the pieces are worth joining: the prefix first, then the whole message. */
  #neededBytes = prefixBytes;

  constructor(maxMessageBytes: number, visit: VisitMessage) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#visit = visit;
  }

  /** Visits the messages that the chunk completes. @throws FramingError, and what the visitor throws. */
  push(chunk: Buffer): void {
    let buffer = chunk;
    if (this.#piecesBytes > 0) {
      this.#pieces.push(chunk);
      this.#piecesBytes += chunk.length;
      if (this.#piecesBytes < this.#neededBytes) return;
      buffer = Buffer.concat(this.#pieces, this.#piecesBytes);
      this.#pieces = [];
      this.#piecesBytes = 0;
    }
    let position = 0;
    this.#neededBytes = prefixBytes;
    while (buffer.length - position >= prefixBytes) {
      const start = position + prefixBytes;
      const end = start + this.#messageBytes(buffer, position);
      if (end > buffer.length) {
        this.#neededBytes = end - position;
        break;
      }
      this.#visit(buffer, start, end);
      position = end;
    }
    if (position === buffer.length) return;
    this.#pieces.push(position === 0 ? buffer : buffer.subarray(position));
    this.#piecesBytes = buffer.length - position;
  }

  #messageBytes(buffer: Buffer, position: number): number {
    const flag = buffer[position];
    if (flag !== 0) throw new FramingError(`a message begins with the flag ${flag}; only 0 was agreed on`);
    const bytes = buffer.readUInt32BE(position + 1);
    if (bytes <= this.#maxMessageBytes) return bytes;
    throw new FramingError(`a message of ${bytes} bytes is larger than ${this.#maxMessageBytes}`);
  }
}
