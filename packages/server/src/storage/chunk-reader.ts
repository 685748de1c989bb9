/** Takes bytes from chunks in pieces of wanted sizes. */
export class ChunkReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  #taken = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Bytes handed out so far. */
  get taken(): number {
    return this.#taken;
  }

  /** Between 1 and `most` bytes; `undefined` at the end. */
  async some(most: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      // oxlint-disable-next-line no-await-in-loop -- the next chunk is needed before anything else can happen
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      this.#rest = next.value;
    }
    const piece = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(piece.length);
    this.#taken += piece.length;
    return piece;
  }

  /** `undefined` when the chunks end before. */
  async exactly(length: number): Promise<Buffer | undefined> {
    // Put together at the end, so that a length alone never makes this side allocate.
    const pieces: Uint8Array[] = [];
    for (let left = length; left > 0;) {
      // oxlint-disable-next-line no-await-in-loop -- pieces come in order
      const piece = await this.some(left);
      if (piece === undefined) return undefined;
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }
}
