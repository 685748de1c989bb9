/** A piece of a stream, and whether it is the end of it. */
export interface Piece {
  readonly data: Uint8Array;
  readonly last: boolean;
}

/** Cuts a stream into pieces of `bytes` bytes, the last of which is shorter, or empty when the stream is. */
export async function* inPieces(source: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Piece> {
  let piece = new Uint8Array(bytes);
  let filled = 0;
  for await (const chunk of source) {
    for (let taken = 0; taken < chunk.length;) {
      // Only when more follows is it known that the full piece is not the last one.
      if (filled === bytes) {
        yield { data: piece, last: false };
        piece = new Uint8Array(bytes);
        filled = 0;
      }
      const part = chunk.subarray(taken, taken + bytes - filled);
      piece.set(part, filled);
      filled += part.length;
      taken += part.length;
    }
  }
  yield { data: piece.subarray(0, filled), last: true };
}
